package main

import (
	"net"
	"runtime"
	"testing"

	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// idleConnections is how many connections do nothing while others work.
const idleConnections = 1000

// TestIdleConnections opens a thousand connections that say nothing: good peers store
// and ask on, and memory does not grow with the connections beyond a bound.
func TestIdleConnections(t *testing.T) {
	slow(t)
	b := openLibrary(t, "")
	for range idleConnections {
		conn, err := net.Dial("tcp", b.addr)
		check(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}
	before := heapInUse()
	b.fill()
	for range 20 {
		class := uid.StudyRootQueryRetrieveInformationModelFind
		a := b.as("KNOWN", nil, class)
		n := 0
		for _, err := range a.Find(t.Context(), class, askFor(t, "STUDY", tag.StudyInstanceUID, "")) {
			check(t, err)
			n++
		}
		if n != 3 {
			t.Errorf("%d studies found; want 3", n)
		}
		check(t, a.Release(t.Context()))
	}
	if grown := heapInUse() - before; grown > 64<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
}

// heapInUse returns how many bytes of the heap are in use after a collection.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
