package cc

// This file implements asking for huge pages.

import (
	"os"
	"syscall"
	"unsafe"
)

// hugeFrom is the size from which a buffer is worth huge pages: the first
// write to each page of a new buffer costs more than a kernel does there.
const hugeFrom = 4 << 20

// adviseHuge asks the system to back memory, all of it 0, with huge pages, where
// it lets programs choose. The runtime may have used the memory before, and then
// has written to it again: what is there already would stay in small pages.
func adviseHuge(data []byte) {
	if len(data) < hugeFrom {
		return
	}
	page := uintptr(os.Getpagesize())
	start := uintptr(unsafe.Pointer(&data[0]))
	skip := -start & (page - 1)
	rest := (uintptr(len(data)) - skip) &^ (page - 1)
	if syscall.Madvise(data[skip:skip+rest], syscall.MADV_HUGEPAGE) == nil { // else pages stay small
		syscall.Madvise(data[skip:skip+rest], syscall.MADV_DONTNEED) // they are 0 when they come back
	}
}
