//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"radagora/archive"
	"radagora/blob/s3/s3test"
	"radagora/dicom/uid"
	"radagora/dose/dosetest"
	"radagora/site"
)

// TestTwoProcesses has two programs serve on one database and one object store, kills
// one of them while both take reports in, and expects everything that either of them
// acknowledged, read through the other one and derived.
func TestTwoProcesses(t *testing.T) {
	slow(t)
	if testing.Short() {
		t.Skip("starts a database, an object store and two servers: left out of short tests")
	}
	place := s3test.Bucket(t)
	c := newCluster(t)
	for name, value := range map[string]string{"RADAGORA_DB": c.dsn, "RADAGORA_BLOBS": place.String(), "RADAGORA_BLOBS_KEY": s3test.Key, "RADAGORA_BLOBS_SECRET": s3test.Secret} {
		t.Setenv(name, value)
	}
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	first := serve(t, dirs[0])
	shareKeys(t, dirs[0], dirs[1])
	second := serve(t, dirs[1])
	one, two := newLoad(t, "one", first), newLoad(t, "two", second)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("first: %s\nsecond: %s", first.log(), second.log())
			t.Log(one.status, one.cut, len(one.acked), two.status, two.cut, len(two.acked))
		}
	})
	one.more(30)
	two.more(30)
	first.kill()
	two.more(60)
	acked := slices.Concat(one.stop(), two.stop())
	if acknowledged, refused := two.seen(); refused > 0 {
		t.Errorf("%d acknowledged by the one that lived, and %d refused", acknowledged, refused)
	}
	within(t, 2*time.Minute, "the leases of the one that was killed are taken over", func() bool { status, _ := get(second, "/readyz"); return status == 200 })
	idleAgain(t, second)
	t.Logf("%d acknowledged by both", len(acked))
	check(t, second.stop())
	noCanary(t, first.log()+second.log())
	if left, err := filepath.Glob(filepath.Join(dirs[1], "packs", "*.open")); err != nil || len(left) > 0 {
		t.Errorf("packs on the disk of one process: %v, %v", left, err)
	}
	sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	s := settings{Data: dirs[1], DB: c.dsn, HTTP: "127.0.0.1:8080"}
	s.Blobs, s.BlobsKey, s.BlobsSecret = place.String(), s3test.Key, s3test.Secret
	h, err := s.open(t.Context(), sys)
	check(t, err)
	check(t, h.meanwhile(t.Context(), h.settle))
	notLost(asLocal(t, h), t, h, acked)
	packs, err := h.Archive.Repack(t.Context())
	if err != nil || packs.Packs != 0 {
		t.Errorf("packs of the last minute were merged: %+v, %v", packs, err)
	}
	check(t, h.Close())
	command(t, exitDone, "check", "--data", dirs[1])
}

// shareKeys gives a data folder the keys of another.
func shareKeys(t *testing.T, from, to string) {
	t.Helper()
	check(t, os.MkdirAll(to, 0o700))
	keys, err := filepath.Glob(filepath.Join(from, "*.key"))
	check(t, err)
	if len(keys) == 0 {
		t.Fatal("there are no keys to share")
	}
	for _, k := range keys {
		b, err := os.ReadFile(k)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(to, filepath.Base(k)), b, 0o600))
	}
}

// TestPacksMoveToAnObjectStore writes packs on the disk, moves them into an object store
// and reads them there, also when the disk is empty.
func TestPacksMoveToAnObjectStore(t *testing.T) {
	place := s3test.Bucket(t)
	data := filepath.Join(t.TempDir(), "data")
	sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	s := settings{Data: data, HTTP: "127.0.0.1:8080"}
	open := func() (*house, context.Context) {
		h, err := s.open(t.Context(), sys)
		check(t, err)
		return h, asLocal(t, h)
	}
	h, ctx := open()
	acked := []string{"m1", "m2", "m3"}
	for _, name := range acked {
		storeReport(ctx, t, h, name)
	}
	check(t, h.Close())
	s.Blobs, s.BlobsKey, s.BlobsSecret = place.String(), s3test.Key, s3test.Secret
	h, ctx = open()
	storeReport(ctx, t, h, "m4")
	h.drain(ctx)
	for p, err := range h.Packs.Packs(ctx) {
		t.Errorf("pack %s is still here: %v", p.Name, err)
	}
	check(t, h.meanwhile(ctx, h.settle))
	notLost(ctx, t, h, append(acked, "m4"))
	check(t, h.Close())
}

// storeReport stores a report as an association would.
func storeReport(ctx context.Context, t *testing.T, h *house, name string) {
	t.Helper()
	b, err := reportMaker{}.dataset("study "+name, name)
	check(t, err)
	r, err := h.Archive.Receive(ctx, archive.Arrival{
		Site: site.Default, Actor: "ae:MODALITY", Door: "dimse", CallingAE: "MODALITY", CalledAE: "RADAGORA",
		SOPClass: uid.XRayRadiationDoseSRStorage, SOPInstance: dosetest.UID(name), TransferSyntax: uid.ExplicitVRLittleEndian, Data: bytes.NewReader(b),
	})
	check(t, err)
	_, err = r.Wait(ctx)
	check(t, err)
}
