package archive_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// The numbers are invented: those of a country stand in content.
var retentionRules = []archive.RetentionRule{
	{ID: "xx.images", Modalities: []string{"CT", "DX"}, Years: 3, LastRecord: true, UntilAge: 9},
	{ID: "xx.treatment", Modalities: []string{"RTPLAN"}, Years: 7},
	{ID: "xx.adults", Modalities: []string{"MR"}, FromAge: 6, Years: 2},
	{ID: "xx.children", Modalities: []string{"MR"}, BelowAge: 6, Years: 4},
}

func retention(today string) archive.Retention {
	return archive.Retention{Rules: retentionRules, Today: today, Alone: true}
}

// aged returns a thing with a day and a birth date.
func aged(study int, patient, modality, day, birth string) thing {
	return thing{study: study, series: 1, instance: 1, patient: patient, name: "LEAK^CANARY", modality: modality, set: func(b *dicom.Builder) {
		b.Text(tag.StudyDate, day)
		b.Text(tag.PatientBirthDate, birth)
	}}
}

// dueAt returns the studies of the list with rule and day.
func (b *bench) dueAt() (all []string) {
	b.t.Helper()
	list, n, err := b.Due(b.t.Context(), site, 100)
	if err != nil || int(n) != len(list) {
		b.t.Fatalf("Due: %d of %d, %v", len(list), n, err)
	}
	for _, d := range list {
		all = append(all, d.Study+" "+d.Rule+" "+d.Until)
	}
	slices.Sort(all)
	return all
}

func (b *bench) govern(rules ...string) {
	b.t.Helper()
	for _, r := range rules {
		if err := b.Govern(b.t.Context(), site, r, 0, "decided by the site"); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestRetentionIsJudged(t *testing.T) {
	all := []string{"xx.images", "xx.treatment", "xx.adults", "xx.children"}
	for _, c := range []struct {
		name   string
		things []thing
		rules  []string
		today  string
		want   []string
	}{
		{"no rule governs: nothing is due", []thing{aged(1, "A", "CT", "20100101", "19500101")}, nil, "20260301", nil},
		{"over", []thing{aged(1, "A", "CT", "20100101", "19500101")}, all, "20260301", []string{"1.2.3.1 xx.images 20130101"}},
		{"the last day still counts", []thing{aged(1, "A", "CT", "20230301", "19500101")}, all, "20260301", nil},
		{"the day after", []thing{aged(1, "A", "CT", "20230228", "19500101")}, all, "20260301", []string{"1.2.3.1 xx.images 20260228"}},
		{"no rule covers it: it is kept", []thing{aged(1, "A", "US", "20100101", "19500101")}, all, "20260301", nil},
		{"the patient came again", []thing{aged(1, "A", "CT", "20100101", "19500101"), aged(2, "A", "US", "20250101", "19500101")}, all, "20260301", nil},
		{"another patient came", []thing{aged(1, "A", "CT", "20100101", "19500101"), aged(2, "B", "US", "20250101", "19500101")}, all, "20260301", []string{"1.2.3.1 xx.images 20130101"}},
		{"of a child until the birthday", []thing{aged(1, "A", "CT", "20190101", "20180601")}, all, "20260301", nil},
		{"after the birthday", []thing{aged(1, "A", "CT", "20190101", "20170101")}, all, "20260301", []string{"1.2.3.1 xx.images 20260101"}},
		{"nobody knows when the patient was born", []thing{aged(1, "A", "CT", "20190101", "")}, all, "20260301", nil},
		{"a treatment longer than its images", []thing{aged(1, "A", "CT", "20200101", "19500101"), {study: 1, series: 2, instance: 2, patient: "A", name: "LEAK^CANARY", modality: "RTPLAN", set: func(b *dicom.Builder) {
			b.Text(tag.StudyDate, "20200101")
		}}}, all, "20260301", nil},
		{"an adult by the shorter rule", []thing{aged(1, "A", "MR", "20230101", "19500101")}, all, "20260301", []string{"1.2.3.1 xx.adults 20250101"}},
		{"a child by the longer one", []thing{aged(1, "A", "MR", "20230101", "20220101")}, all, "20260301", nil},
		{"of unknown age by the longer one", []thing{aged(1, "A", "MR", "20230101", "")}, all, "20260301", nil},
		{"a day that is none counts from the receipt", []thing{aged(1, "A", "CT", "20239999", "19500101")}, all, "20260301", nil},
		{"the 29th of February", []thing{aged(1, "A", "CT", "20200229", "19500101")}, all, "20260301", []string{"1.2.3.1 xx.images 20230301"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
				for _, x := range c.things {
					b.mustStore(x.arrival(t), archive.Added)
				}
				b.govern(c.rules...)
				n, fresh, err := b.FindDue(t.Context(), site, retention(c.today))
				if err != nil || n != len(c.want) || fresh != n {
					t.Errorf("FindDue = %d, %d, %v", n, fresh, err)
				}
				if diff := cmp.Diff(c.want, b.dueAt()); diff != "" {
					t.Errorf("due (-want +got):\n%s", diff)
				}
				if n, fresh, err := b.FindDue(t.Context(), site, retention(c.today)); err != nil || n != len(c.want) || fresh != 0 {
					t.Errorf("FindDue again = %d, %d, %v", n, fresh, err)
				}
			})
		})
	}
}

// TestRetentionIsApproved: what is due goes when somebody says so, not while it is held,
// not if the patient came again since it was listed, and it can be brought back.
func TestRetentionIsApproved(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
		ctx := t.Context()
		var things []thing
		for i, patient := range []string{"A", "B", "C", "D"} {
			things = append(things, aged(i+1, patient, "CT", "20100101", "19500101"))
		}
		for _, x := range things {
			b.mustStore(x.arrival(t), archive.Added)
		}
		b.govern("xx.images")
		r := retention("20260301")
		if n, _, err := b.FindDue(ctx, site, r); n != 4 || err != nil {
			t.Fatalf("FindDue = %d, %v", n, err)
		}
		studies := make([]uid.UID, 0, len(things))
		for _, x := range things {
			studies = append(studies, b.target(x).Study)
		}
		hold, err := b.Hold(ctx, site, studies[1].String(), "", "a court asks")
		if err != nil {
			t.Fatal(err)
		}
		if list, _, err := b.Due(ctx, site, 10); err != nil || !list[1].Held || list[0].Held {
			t.Errorf("Due = %+v, %v; want the second held", list, err)
		}
		b.mustStore(aged(9, "C", "US", "20260101", "19500101").arrival(t), archive.Added)
		if err := b.KeepStudy(ctx, site, studies[3], "for teaching"); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			what    string
			studies []uid.UID
			reason  string
		}{{"no reason", studies, " "}, {"nothing", nil, "old"}, {"too much", slices.Repeat(studies, 51), "old"}} {
			_, err := b.Approve(ctx, site, r, x.studies, x.reason)
			b.kind(x.what, err, fault.Invalid)
		}
		made, err := b.Approve(ctx, site, r, studies, "the time is over")
		gone, stay := made.Gone, made.Stay
		if err != nil || len(gone) != 1 || gone[0].Study != studies[0].String() || gone[0].Cause != archive.ByRetention {
			t.Fatalf("Approve = %+v, %v", gone, err)
		}
		for _, u := range studies[1:] {
			b.kind("stays: "+u.String(), stay[u.String()], fault.Conflict)
		}
		if b.there(things[0]) || !b.there(things[1]) || !b.there(things[2]) || !b.there(things[3]) {
			t.Error("something else went")
		}
		if err := b.Undo(ctx, site, gone[0].ID); err != nil || !b.there(things[0]) {
			t.Errorf("Undo = %v", err)
		}
		if n, _, err := b.FindDue(ctx, site, r); n != 2 || err != nil { // the first again, and the held one
			t.Errorf("FindDue = %d, %v; want 2", n, err)
		}
		if err := b.Lift(ctx, site, hold, "over"); err != nil {
			t.Fatal(err)
		}
		if made, err = b.Approve(ctx, site, r, studies[:2], "the time is over"); err != nil || len(made.Gone) != 2 || len(made.Stay)+len(made.Waits) != 0 {
			t.Errorf("Approve = %+v, %v", made, err)
		}
		gone = made.Gone
		*clock = clock.Add(8 * 24 * time.Hour)
		b.empty()
		if _, err := b.DeletionProof(ctx, site, gone[0].ID); err != nil {
			t.Error(err)
		}
		if err := b.UnkeepStudy(ctx, site, studies[3]); err != nil {
			t.Fatal(err)
		}
		b.kind("again", b.UnkeepStudy(ctx, site, studies[3]), fault.NotFound)
		if n, _, err := b.FindDue(ctx, site, r); n != 1 || err != nil {
			t.Errorf("FindDue = %d, %v; want what is kept no more", n, err)
		}
		for kind, want := range map[string]int{"archive.retention.governed": 1, "archive.retention.kept": 1, "archive.retention.approved": 3, "archive.retention.released": 1} {
			if got := b.kinds()[kind]; got != want {
				t.Errorf("%s: %d entries; want %d", kind, got, want)
			}
		}
	})
}

// TestRetentionNeedsTwo: what is due goes when a second person says so, too, and never
// because the first one says it twice.
func TestRetentionNeedsTwo(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		x, y := aged(1, "A", "CT", "20100101", "19500101"), aged(2, "B", "CT", "20100101", "19500101")
		b.mustStore(x.arrival(t), archive.Added)
		b.mustStore(y.arrival(t), archive.Added)
		b.govern("xx.images")
		r := retention("20260301")
		r.Alone = false
		as := func(who string) context.Context { return access.With(t.Context(), access.Who{ID: who}) }
		find := func() {
			t.Helper()
			if _, _, err := b.FindDue(t.Context(), site, r); err != nil {
				t.Fatal(err)
			}
		}
		find()
		first, both := []uid.UID{b.target(x).Study}, []uid.UID{b.target(x).Study, b.target(y).Study}
		for _, c := range []struct {
			name, who          string
			studies            []uid.UID
			gone, waits, stays int
		}{
			{"the first", "ada", first, 0, 1, 0},
			{"the same again", "ada", first, 0, 1, 0},
			{"a second, of whom one thing is new", "bob", both, 1, 1, 0},
			{"what went is on no list", "ada", first, 0, 0, 1},
		} {
			made, err := b.Approve(as(c.who), site, r, c.studies, "the time is over")
			if err != nil || len(made.Gone) != c.gone || len(made.Waits) != c.waits || len(made.Stay) != c.stays {
				t.Errorf("%s: %+v, %v", c.name, made, err)
			}
		}
		if b.there(x) || !b.there(y) {
			t.Error("something else went")
		}
		list, _, err := b.Due(t.Context(), site, 10)
		if err != nil || len(list) != 1 || list[0].ProposedBy != "bob" || list[0].ProposedWhy != "the time is over" || list[0].Proposed.IsZero() {
			t.Errorf("Due = %+v, %v", list, err)
		}
		if err := b.Govern(t.Context(), site, "xx.images", 12, "longer"); err != nil { // another day: it is asked again
			t.Fatal(err)
		}
		find()
		if made, err := b.Approve(as("ada"), site, r, both[1:], "the time is over"); err != nil || len(made.Waits) != 1 {
			t.Errorf("what was said about another day counts: %+v, %v", made, err)
		}
		if k := b.kinds(); k["archive.retention.proposed"] != 4 || k["archive.retention.approved"] != 1 {
			t.Errorf("journal: %v", k)
		}
	})
}

func TestRetentionRules(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		ctx := t.Context()
		x := aged(1, "A", "CT", "20210101", "19500101")
		b.mustStore(x.arrival(t), archive.Added)
		b.kind("without a reason", b.Govern(ctx, site, "xx.images", 0, ""), fault.Invalid)
		b.kind("years that are none", b.Govern(ctx, site, "xx.images", -1, "why"), fault.Invalid)
		if err := b.Govern(ctx, site, "xx.images", 10, "our own"); err != nil {
			t.Fatal(err)
		}
		if n, _, err := b.FindDue(ctx, site, retention("20260301")); n != 0 || err != nil {
			t.Errorf("although the site keeps longer: %d, %v", n, err)
		}
		if err := b.Govern(ctx, site, "xx.images", 1, "shorter than the rule"); err != nil {
			t.Fatal(err)
		}
		if n, _, err := b.FindDue(ctx, site, retention("20230301")); n != 0 || err != nil {
			t.Errorf("although the rule says longer: %d, %v", n, err)
		}
		if n, _, err := b.FindDue(ctx, site, retention("20260301")); n != 1 || err != nil {
			t.Errorf("when it is over: %d, %v", n, err)
		}
		r := retention("20260301")
		r.Same = func(context.Context, db.Querier, string, string) ([]string, error) {
			return []string{archive.Person("", "A"), archive.Person("", "A2")}, nil
		}
		b.mustStore(aged(2, "A2", "US", "20250101", "19500101").arrival(t), archive.Added)
		if n, _, err := b.FindDue(ctx, site, r); n != 0 || err != nil {
			t.Errorf("although the person came under another identifier: %d, %v", n, err)
		}
		gone := retention("20260301")
		gone.Rules = retentionRules[1:]
		_, _, err := b.FindDue(ctx, site, gone)
		b.kind("a rule that is gone from the content", err, fault.Invalid)
		if err := b.Ungovern(ctx, site, "xx.images"); err != nil {
			t.Fatal(err)
		}
		b.kind("again", b.Ungovern(ctx, site, "xx.images"), fault.NotFound)
	})
}
