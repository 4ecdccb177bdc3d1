package archive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// instances reads a block, which must be valid.
func instances(t testing.TB, b archive.Block) []map[string]any {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b.Gzip()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	again, err := io.ReadAll(b.JSON())
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("JSON differs from Gzip: %v", err)
	}
	var list []map[string]any
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("%v", err)
	}
	if len(list) != b.Instances {
		t.Errorf("%d data sets; Instances = %d", len(list), b.Instances)
	}
	return list
}

// value returns the first value of an element, or its BulkDataURI.
func value(d map[string]any, t tag.Tag) string {
	e, _ := d[fmt.Sprintf("%08X", uint32(t))].(map[string]any)
	if uri, ok := e["BulkDataURI"].(string); ok {
		return uri
	}
	if v, ok := e["Value"].([]any); ok {
		return fmt.Sprint(v[0])
	}
	return ""
}

func (b *bench) count(text string) (n int) {
	b.t.Helper()
	if err := b.db.QueryRow(b.t.Context(), text).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// eventually waits for something that happens behind.
func (b *bench) eventually(what string, is func() bool) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("never %s", what)
		}
	}
}

func TestMetadata(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		for _, i := range []int{2, 1, 3} {
			b.mustStore(thing{study: 1, series: 1, instance: i, pixels: 5000, set: func(b *dicom.Builder) {
				b.Text(tag.ImageComments, `a "BulkDataURI":"instances/x" \ ü`)
				b.Sequence(tag.WaveformSequence, dicom.NewBuilder().Bytes(tag.WaveformData, vr.OW, make([]byte, 4000)))
			}}.arrival(t), archive.Added)
		}
		b.mustStore(thing{study: 1, series: 2, instance: 1, modality: "MR"}.arrival(t), archive.Added)
		study, series, sop := thing{study: 1, series: 1, instance: 2}.uids()

		block, err := b.Metadata(ctx, site, study, series)
		if err != nil {
			t.Fatal(err)
		}
		list := instances(t, block)
		if len(list) != 3 || value(list[1], tag.SOPInstanceUID) != sop.String() || value(list[0], tag.InstanceNumber) != "1" {
			t.Fatalf("metadata = %v", list)
		}
		if got := value(list[1], tag.PixelData); got != "instances/"+sop.String()+"/bulkdata/7FE00010" {
			t.Errorf("pixels at %s", got)
		}
		if n := b.count(`select count(*) from series_prepared`); n != 1 {
			t.Errorf("%d blocks are kept; want 1", n)
		}
		again, err := b.Metadata(ctx, site, study, series)
		if err != nil || again.ETag != block.ETag || !bytes.Equal(again.Gzip(), block.Gzip()) {
			t.Errorf("asked again it is another block: %v", err)
		}

		b.mustStore(thing{study: 1, series: 1, instance: 4}.arrival(t), archive.Added)
		more, err := b.Metadata(ctx, site, study, series)
		if err != nil || more.Instances != 4 || more.ETag == block.ETag {
			t.Errorf("after another instance: %d, %v", more.Instances, err)
		}
		whole, err := b.Metadata(ctx, site, study, uid.UID{})
		if err != nil {
			t.Fatal(err)
		}
		list = instances(t, whole)
		if len(list) != 5 || value(list[0], tag.PixelData) != "series/1.2.3.1.1/instances/1.2.3.1.1.1/bulkdata/7FE00010" ||
			value(list[0], tag.ImageComments) != `a "BulkDataURI":"instances/x" \ ü` {
			t.Errorf("metadata of the study: %d, %s", len(list), value(list[0], tag.ImageComments))
		}
		if _, err := b.Metadata(ctx, site, study, uid.Must("1.9")); fault.Of(err) != fault.NotFound || err == nil {
			t.Errorf("no such series: %v", err)
		}
		if _, err := b.Metadata(ctx, "other", study, series); fault.Of(err) != fault.NotFound || err == nil {
			t.Errorf("another site's series: %v", err)
		}
	})
}

// TestMetadataBehind sees that what arrives is prepared by Run, that a kill before it
// loses nothing, and that everything derived can be dropped.
func TestMetadataBehind(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.mustStore(thing{study: 1, series: 1, instance: 1}.arrival(t), archive.Added)
		if n := b.count(`select count(*) from prepare_due`); n != 2 {
			t.Errorf("%d things are due; want study and series", n)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		b.eventually("prepared", func() bool {
			return b.count(`select count(*) from series_prepared`) == 1 && b.count(`select count(*) from prepare_due`) == 0
		})
		b.mustStore(thing{study: 1, series: 1, instance: 2}.arrival(t), archive.Added)
		b.eventually("prepared with the second instance", func() bool {
			return b.count(`select coalesce(sum(instances), 0) from series_prepared`) == 2
		})
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if _, err := b.Rebuild(t.Context(), site, "system", nil); err != nil {
			t.Fatal(err)
		}
		if n := b.count(`select count(*) from series_prepared`); n != 0 {
			t.Errorf("Rebuild left %d blocks", n)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, due := b.count(`select count(*) from series_prepared`), b.count(`select count(*) from prepare_due`); n != 1 || due != 0 {
			t.Errorf("%d blocks, %d due; want 1, 0", n, due)
		}
	})
}
