/* The identity of this copy of the machine, for kernel/rng. Nothing is called from outside. */
#pragma once
