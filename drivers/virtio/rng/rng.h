/* virtio-rng: a random device of the host (virtio 1.2, 5.4), for drivers/hwrng. Nothing is called
 * from outside. */
#pragma once
