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
		rule := archive.KeepRule{Site: site, CallingAE: "MODALITY", After: 24 * time.Hour, Reason: "dose is read, images are in the PACS"}
		if err := b.KeepHeaders(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
		b.mustStore(image.arrival(t), archive.Added)
		b.mustStore(report.arrival(t), archive.Added)
		elsewhere := other.arrival(t)
		elsewhere.CallingAE = "ANOTHER"
		b.mustStore(elsewhere, archive.Added)
		whole, size := b.content(image.sop()), b.study(image).SizeBytes
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
		if err := b.KeepAll(t.Context(), site, "MODALITY", ""); err != nil {
			t.Error(err)
		}
		b.kind("KeepAll again", b.KeepAll(t.Context(), site, "MODALITY", ""), fault.NotFound)
		b.kind("KeepHeaders of nobody", b.KeepHeaders(t.Context(), archive.KeepRule{Site: site, CallingAE: " ", Reason: "why"}), fault.Invalid)
		rule.Reason = " "
		b.kind("KeepHeaders without a reason", b.KeepHeaders(t.Context(), rule), fault.Invalid)
	})
}

// TestReduceByScope: pixels of what came by the way of a rule are dropped, and of nothing
// else: not of what came before, to another title, or also for the archive.
func TestReduceByScope(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
		way := func(n int, calling, called string) archive.Arrival {
			in := thing{study: n, series: 1, instance: 1, pixels: 50_000}.arrival(t)
			in.CallingAE, in.CalledAE = calling, called
			return in
		}
		ways := []struct {
			name            string
			calling, called string
			whole           bool
			again           bool // it comes once more, for the archive, before its time has come
		}{
			{"before the rule", "CT1", "DOSE", true, false},
			{"the peer to the title", "CT1", "DOSE", false, false},
			{"the peer to the archive", "CT1", "ARCHIVE", true, false},
			{"another peer to the title", "CT2", "DOSE", false, false},
			{"another peer to the archive", "CT2", "ARCHIVE", true, false},
			{"a peer with a rule of its own", "XA1", "ARCHIVE", false, false},
			{"to the title, and to the archive", "CT1", "DOSE", true, true},
		}
		b.mustStore(way(0, ways[0].calling, ways[0].called), archive.Added)
		*clock = clock.Add(time.Hour)
		for _, k := range []archive.KeepRule{{CalledAE: "DOSE"}, {CallingAE: "XA1"}} {
			k.Site, k.Reason, k.After = site, "dose is read from headers", time.Hour
			if err := b.KeepHeaders(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		for n, w := range ways[1:] {
			b.mustStore(way(n+1, w.calling, w.called), archive.Added)
			if w.again {
				b.mustStore(way(n+1, w.calling, "ARCHIVE"), archive.Repeated)
			}
		}
		*clock = clock.Add(2 * time.Hour)
		if n, _, err := b.Reduce(t.Context()); n != 3 || err != nil {
			t.Errorf("Reduce = %d, %v; want 3", n, err)
		}
		b.empty()
		for n, w := range ways {
			x := thing{study: n, series: 1, instance: 1}
			r, is, err := b.Reduced(t.Context(), site, x.sop())
			if err != nil || is == w.whole || (len(b.content(x.sop())) > 40_000) != w.whole {
				t.Errorf("%s: reduced %v, %v", w.name, is, err)
			}
			if is && r.Policy != map[bool]string{true: "peer:XA1", false: "title:DOSE"}[w.calling == "XA1"] {
				t.Errorf("%s: by %q", w.name, r.Policy)
			}
		}
		rules, err := b.KeepRules(t.Context(), site)
		if err != nil || len(rules) != 2 || rules[0].CalledAE != "DOSE" || rules[0].Reason == "" || rules[0].Actor == "" || rules[0].Since.IsZero() {
			t.Errorf("rules: %+v, %v", rules, err)
		}
		b.check(0)
	})
}

// TestReducedComesForTheArchive: what was reduced and comes again for the archive is whole
// again, and stays it; by the way of the rule it comes in vain.
func TestReducedComesForTheArchive(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
		if err := b.KeepHeaders(t.Context(), archive.KeepRule{Site: site, CallingAE: "CT1", CalledAE: "DOSE", Reason: "dose is read from headers"}); err != nil {
			t.Fatal(err)
		}
		x := thing{study: 1, series: 1, instance: 1, pixels: 50_000}
		in := func(called string) archive.Arrival {
			a := x.arrival(t)
			a.CallingAE, a.CalledAE = "CT1", called
			return a
		}
		b.mustStore(in("DOSE"), archive.Added)
		whole, size := b.content(x.sop()), b.study(x).SizeBytes
		reduce := func(want int64) {
			t.Helper()
			*clock = clock.Add(time.Hour)
			if n, _, err := b.Reduce(t.Context()); n != want || err != nil {
				t.Errorf("Reduce = %d, %v; want %d", n, err, want)
			}
			b.empty()
		}
		reduce(1)
		b.mustStore(in("DOSE"), archive.Repeated)
		if n := len(b.content(x.sop())); n > 5000 {
			t.Errorf("%d bytes are kept of what came for its header only", n)
		}
		b.mustStore(in("ARCHIVE"), archive.Repeated)
		reduce(0)
		if got := b.content(x.sop()); string(got) != string(whole) {
			t.Errorf("%d bytes of %d after it came for the archive", len(got), len(whole))
		}
		if _, is, err := b.Reduced(t.Context(), site, x.sop()); is || err != nil {
			t.Errorf("it is still told as reduced: %v", err)
		}
		if s := b.study(x); s.SizeBytes != size {
			t.Errorf("the study has %d bytes; it had %d", s.SizeBytes, size)
		}
		if k := b.kinds(); k["archive.instance.whole"] != 1 || k["archive.instance.reduced"] != 1 {
			t.Errorf("journal: %v", k)
		}
		sum := b.check(0)
		if sum.Objects != 1 {
			t.Errorf("%d objects in the packs; want the whole one", sum.Objects)
		}
	})
}
