package archive_test

import (
	"context"
	"testing"
	"time"

	"radagora/archive"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
)

// TestSplitStaysHeld: what is split off a study that is held is held with it.
func TestSplitStaysHeld(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		one := thing{study: 1, series: 1, instance: 1, patient: "P1", name: "EINS^ANNA"}
		two := one
		two.series = 2
		for _, x := range []thing{one, two} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		study, series, _ := two.uids()
		id, err := b.Hold(t.Context(), site, study.String(), "", "court")
		if err != nil {
			t.Fatal(err)
		}
		c, err := b.Split(t.Context(), site, archive.Target{Study: study, Series: series}, to("PatientID=P2", "PatientName=ZWEI^BERTA"), "next patient on the table")
		if err != nil {
			t.Fatal(err)
		}
		off := archive.Target{Study: c.Split}
		_, err = b.Delete(t.Context(), site, off, archive.ByPerson, "why")
		b.kind("Delete what was split off", err, fault.Conflict)
		if err := b.Lift(t.Context(), site, id, "judged"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Delete(t.Context(), site, off, archive.ByPerson, "why"); err != nil {
			t.Errorf("after the hold was lifted: %v", err)
		}
	})
}

// TestHoldGoesAlong: what leaves a study that is held, or a person who is, by a correction
// stays held against every way in which it could go; what was corrected before does not
// become held by that.
func TestHoldGoesAlong(t *testing.T) {
	one := thing{study: 1, series: 1, instance: 1, patient: "P1", name: "EINS^ANNA"}
	two := one
	two.series = 2
	study, series, _ := two.uids()
	split := func(t *testing.T, b *bench) uid.UID {
		t.Helper()
		c, err := b.Split(t.Context(), site, archive.Target{Study: study, Series: series}, to("PatientID=P2", "PatientName=ZWEI^BERTA"), "next patient on the table")
		if err != nil {
			t.Fatal(err)
		}
		return c.Split
	}
	correct := func(t *testing.T, b *bench) uid.UID {
		t.Helper()
		if _, err := b.Correct(t.Context(), site, archive.Target{Study: study}, to("PatientID=P2", "PatientName=ZWEI^BERTA"), "it was the other one"); err != nil {
			t.Fatal(err)
		}
		return study
	}
	hold := func(t *testing.T, b *bench, person string) {
		t.Helper()
		of := study.String()
		if person != "" {
			of = ""
		}
		if _, err := b.Hold(t.Context(), site, of, person, "court"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, b *bench) uid.UID
		who  string // whom it is about
		held bool
	}{
		{"split off a held study", func(t *testing.T, b *bench) uid.UID { hold(t, b, ""); return split(t, b) }, "P2", true},
		{"split off a study of somebody held", func(t *testing.T, b *bench) uid.UID { hold(t, b, "|P1"); return split(t, b) }, "P2", true},
		{"corrected away from somebody held", func(t *testing.T, b *bench) uid.UID { hold(t, b, "|P1"); return correct(t, b) }, "P2", true},
		{"held after it was split", func(t *testing.T, b *bench) uid.UID {
			off := split(t, b)
			hold(t, b, "|P1")
			return off
		}, "P2", false},
		{"the other part of it is held", func(t *testing.T, b *bench) uid.UID {
			split(t, b)
			hold(t, b, "|P2")
			return study
		}, "P1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
				for _, x := range []thing{one, two} {
					b.mustStore(x.arrival(t), archive.Added)
				}
				b.Now = func() time.Time { // what comes later is later
					*clock = clock.Add(time.Minute)
					return *clock
				}
				u := c.do(t, b)
				kept, err := b.Kept(t.Context(), of(c.who))
				if err != nil || (len(kept) > 0) != c.held {
					t.Errorf("studies of %s that are kept: %v, %v", c.who, kept, err)
				}
				_, err = b.Delete(t.Context(), site, archive.Target{Study: u}, archive.ByPerson, "why")
				if c.held {
					b.kind("Delete", err, fault.Conflict)
				} else if err != nil {
					t.Errorf("Delete: %v", err)
				}
			})
		})
	}
}

// TestSplitStaysKept: what is split off a study that somebody decided to keep is kept, and
// goes on being kept when it comes back.
func TestSplitStaysKept(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		one, two := aged(1, "A", "CT", "20100101", "19500101"), aged(1, "A", "CT", "20100101", "19500101")
		two.series = 2
		for _, x := range []thing{one, two} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		study, series, _ := two.uids()
		if err := b.KeepStudy(t.Context(), site, study, "for teaching"); err != nil {
			t.Fatal(err)
		}
		c, err := b.Split(t.Context(), site, archive.Target{Study: study, Series: series}, to("PatientID=B"), "next patient on the table")
		if err != nil {
			t.Fatal(err)
		}
		b.govern("xx.images")
		if n, _, err := b.FindDue(t.Context(), site, retention("20260301")); n != 0 || err != nil {
			t.Errorf("%d studies are due, %v; want both kept", n, err)
		}
		if list, err := b.KeptStudies(t.Context(), site, 10); err != nil || len(list) != 2 || list[0].Reason != "for teaching" || list[1].Reason != "for teaching" {
			t.Errorf("kept: %+v, %v", list, err)
		}
		if err := b.UnkeepStudy(t.Context(), site, study); err != nil {
			t.Fatal(err)
		}
		if n, _, err := b.FindDue(t.Context(), site, retention("20260301")); n != 1 || err != nil {
			t.Errorf("%d studies are due, %v; want what was split off kept by itself", n, err)
		}
		if err := b.Uncorrect(t.Context(), site, c.ID, "it was the same patient"); err != nil {
			t.Fatal(err)
		}
		if list, err := b.KeptStudies(t.Context(), site, 10); err != nil || len(list) != 1 || list[0].Study != study.String() {
			t.Errorf("kept after it came back: %+v, %v", list, err)
		}
	})
}

// TestApprovalIsJudgedWhereItDeletes: what happens between the list and the deletion
// counts, to the last moment.
func TestApprovalIsJudgedWhereItDeletes(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		x := aged(1, "A", "CT", "20100101", "19500101")
		b.mustStore(x.arrival(t), archive.Added)
		b.govern("xx.images")
		r := retention("20260301")
		if n, _, err := b.FindDue(t.Context(), site, r); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		asked := 0
		r.Same = func(_ context.Context, q db.Querier, _, person string) ([]string, error) {
			if asked++; asked == 1 { // judged for the first time: it is due; and now the patient comes again
				b.mustStore(aged(2, "A", "US", "20260201", "19500101").arrival(t), archive.Added)
				return []string{"|nobody"}, nil
			}
			if _, in := q.(*db.Tx); !in {
				t.Error("it is judged outside of the transaction that deletes")
			}
			return []string{person}, nil
		}
		made, err := b.Approve(t.Context(), site, r, []uid.UID{b.target(x).Study}, "the time is over")
		if err != nil || len(made.Gone) != 0 {
			t.Fatalf("%+v, %v", made, err)
		}
		b.kind("Approve", made.Stay[b.target(x).Study.String()], fault.Conflict)
		if asked != 2 || !b.there(x) {
			t.Errorf("asked %d times", asked)
		}
	})
}
