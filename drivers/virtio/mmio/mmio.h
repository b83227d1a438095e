/*
 * virtio over memory-mapped registers: machines without PCI. Devices come from the command line
 * (virtio_mmio.device=SIZE@ADDR:IRQ[:ID]) and from the firmware's tables.
 */
#pragma once
