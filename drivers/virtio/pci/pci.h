/*
 * virtio over PCI, the interface of version 1.0 and later. Nothing is called from outside: the room
 * is a driver of drivers/pci that registers devices with drivers/virtio.
 */
#pragma once
