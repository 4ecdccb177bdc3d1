package archive_test

import (
	"testing"
	"time"

	"radagora/archive"
	"radagora/dicom/tag"
	"radagora/fault"
)

func TestReduceKeepsHeaders(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
		image, report, other := thing{study: 1, series: 1, instance: 1, pixels: 50_000}, thing{study: 1, series: 2, instance: 2, modality: "SR"}, thing{study: 2, series: 1, instance: 1, pixels: 50_000}
		b.mustStore(image.arrival(t), archive.Added)
		b.mustStore(report.arrival(t), archive.Added)
		elsewhere := other.arrival(t)
		elsewhere.CallingAE = "ANOTHER"
		b.mustStore(elsewhere, archive.Added)
		whole, size := b.content(image.sop()), b.study(image).SizeBytes
		if err := b.KeepHeaders(t.Context(), site, "MODALITY", 24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if n, _, err := b.Reduce(t.Context()); n != 0 || err != nil {
			t.Errorf("Reduce before the time has come = %d, %v", n, err)
		}
		*clock = clock.Add(25 * time.Hour)
		hold, err := b.Hold(t.Context(), site, b.target(image).Study.String(), "", "court")
		if err != nil {
			t.Fatal(err)
		}
		if n, _, err := b.Reduce(t.Context()); n != 0 || err != nil {
			t.Errorf("Reduce what is held = %d, %v", n, err)
		}
		if err := b.Lift(t.Context(), site, hold, "over"); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int64{1, 0} { // again does nothing
			if n, saved, err := b.Reduce(t.Context()); n != want || saved/50_000 != want || err != nil {
				t.Errorf("Reduce %d = %d, %d bytes, %v; want %d", i, n, saved, err, want)
			}
		}
		b.empty()
		kept := b.content(image.sop())
		if len(kept) > 5000 || string(kept) != string(whole[:len(kept)]) {
			t.Errorf("%d bytes are kept; want the beginning of the %d received", len(kept), len(whole))
		}
		o, err := b.Open(t.Context(), site, image.sop())
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		f, err := o.Read(nil)
		if err != nil || f.Has(tag.PixelData) || f.Text(tag.Modality) != "CT" || len(f.Warnings) != 0 {
			t.Errorf("what is kept: %v, %v", f.Warnings, err)
		}
		r, is, err := b.Reduced(t.Context(), site, image.sop())
		if err != nil || !is || r.Length != int64(len(whole)) || r.Policy != "peer:MODALITY" {
			t.Errorf("Reduced = %+v, %v, %v", r, is, err)
		}
		for _, x := range []thing{report, other} {
			if _, is, err := b.Reduced(t.Context(), site, x.sop()); is || err != nil {
				t.Errorf("%s is reduced: %v", x.sop(), err)
			}
		}
		if s := b.study(image); s.SizeBytes >= size-50_000+1000 || s.InstanceCount != 2 {
			t.Errorf("study of %d bytes and %d instances; it had %d bytes", s.SizeBytes, s.InstanceCount, size)
		}
		b.mustStore(image.arrival(t), archive.Repeated) // the same again is the same
		changed := image
		changed.name = "LEAK^CANARY^OTHER"
		changed.patient = "LEAK-4711"
		b.mustStore(changed.arrival(t), archive.Quarantined)
		if k := b.kinds(); k["archive.rule.header"] != 1 || k["archive.instance.reduced"] != 1 {
			t.Errorf("journal: %v", k)
		}
		b.check(0)
		if err := b.KeepAll(t.Context(), site, "MODALITY"); err != nil {
			t.Error(err)
		}
		b.kind("KeepAll again", b.KeepAll(t.Context(), site, "MODALITY"), fault.NotFound)
		b.kind("KeepHeaders of nobody", b.KeepHeaders(t.Context(), site, " ", 0), fault.Invalid)
	})
}
