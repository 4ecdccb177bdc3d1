package archive_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// rule reads a rule: keyword, what is done, what is looked for, text.
func rule(keyword string, do archive.Doing, texts ...string) archive.Rule {
	t, _ := tag.ByKeyword(keyword)
	r := archive.Rule{Tag: t, Do: do}
	switch len(texts) {
	case 1:
		r.Text = texts[0]
	case 2:
		r.Find, r.Text = texts[0], texts[1]
	}
	return r
}

func TestCoerce(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		before := thing{study: 1, series: 1, instance: 1, patient: "0012", name: "MEIER^ANNA", pixels: 3000}
		b.mustStore(before.arrival(t), archive.Added)
		c, err := b.Coerce(t.Context(), archive.Coercion{Site: site, Peer: "MODALITY", Issuer: "NORD", Reason: "a clinic of its own", Rules: []archive.Rule{
			rule("PatientID", archive.Replace, `^0+`, ""), rule("AccessionNumber", archive.Prefix, "N-"), rule("InstitutionName", archive.Set, "Klinik Nörd"),
			rule("StationName", archive.Empty), rule("StudyID", archive.Fill, "1"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		after := before
		after.instance = 2
		if s := b.mustStore(after.arrival(t), archive.Added); !s.Coerced {
			t.Error("nobody is told that it was coerced")
		}
		study, series, _ := after.uids()
		if o, err := b.Open(t.Context(), site, before.sop()); err != nil || o.Close() != nil {
			t.Fatal(err)
		}
		was, _ := b.opened(before.sop())
		f, given := b.opened(after.sop())
		if was.Text(tag.PatientID) != "0012" || was.Has(tag.OriginalAttributesSequence) {
			t.Errorf("what came before is changed: %s", was.Text(tag.PatientID))
		}
		for keyword, want := range map[string]string{
			"PatientID": "12", "IssuerOfPatientID": "NORD", "AccessionNumber": "N-LEAK-ACC", "InstitutionName": "Klinik Nörd", "StationName": "", "StudyID": "1", "PatientName": "MEIER^ANNA",
		} {
			k, _ := tag.ByKeyword(keyword)
			if got := f.Text(k); got != want {
				t.Errorf("%s = %q; want %q", keyword, got, want)
			}
		}
		told := f.Items(tag.OriginalAttributesSequence)
		if len(told) != 1 || told[0].Text(tag.ReasonForTheAttributeModification) != "COERCE" || told[0].Text(tag.SourceOfPreviousValues) != "MODALITY" {
			t.Fatalf("told: %d", len(told))
		}
		if o := told[0].Item(tag.ModifiedAttributesSequence); o.Text(tag.PatientID) != "0012" || o.Text(tag.StationName) != "CT1" {
			t.Errorf("what it said: %q %q", o.Text(tag.PatientID), o.Text(tag.StationName))
		}
		i, err := b.Instance(t.Context(), site, after.sop())
		if err != nil {
			t.Fatal(err)
		}
		received, err := b.OpenReceived(t.Context(), i)
		if err != nil || int64(len(given)) == received.Size() {
			t.Errorf("the original: %v", err)
		}
		_ = received.Close()
		if got := b.found(archive.Query{Level: archive.ImageLevel, Reach: everybody, Keys: ask(t, "SOPInstanceUID=", "InstitutionName=", "SeriesInstanceUID="), All: true}, tag.PatientID); !strings.Contains(got, "12") {
			t.Errorf("found: %q", got)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		m, err := b.Metadata(t.Context(), site, study, series)
		if err != nil {
			t.Fatal(err)
		}
		if d := instances(t, m); value(d[0], tag.PatientID) != "0012" || value(d[1], tag.PatientID) != "12" || value(d[1], tag.IssuerOfPatientID) != "NORD" {
			t.Errorf("metadata: %v %v", value(d[0], tag.PatientID), value(d[1], tag.PatientID))
		}
		// A correction is about whom the object named under the rules.
		fix, err := b.Correct(t.Context(), site, archive.Target{Study: study}, to("PatientID=77"), "another person")
		if err != nil {
			t.Fatal(err)
		}
		if f, _ := b.opened(after.sop()); f.Text(tag.PatientID) != "77" || len(f.Items(tag.OriginalAttributesSequence)) != 2 {
			t.Errorf("corrected: %s", f.Text(tag.PatientID))
		}
		if err := b.Uncorrect(t.Context(), site, fix.ID, "no"); err != nil {
			t.Fatal(err)
		}
		if f, again := b.opened(after.sop()); !cmp.Equal(given, again) {
			t.Errorf("after the correction was undone: %s", f.Text(tag.PatientID))
		}
		// What is repeated is repeated, what is brought back is as it was.
		b.mustStore(after.arrival(t), archive.Repeated)
		// Undone, it is for what comes later.
		if _, err := b.Uncoerce(t.Context(), site, "MODALITY", "a mistake"); err != nil {
			t.Fatal(err)
		}
		later := after
		later.instance = 3
		if s := b.mustStore(later.arrival(t), archive.Added); s.Coerced {
			t.Error("coerced after it was undone")
		}
		if f, _ := b.opened(later.sop()); f.Text(tag.PatientID) != "0012" {
			t.Errorf("later: %s", f.Text(tag.PatientID))
		}
		if f, _ := b.opened(after.sop()); f.Text(tag.PatientID) != "12" {
			t.Errorf("what came under the rules: %s", f.Text(tag.PatientID))
		}
		list, err := b.Coercions(t.Context(), site, "MODALITY", 10)
		if err != nil || len(list) != 2 || !list[0].None() || list[1].ID != c.ID || list[1].Until.IsZero() {
			t.Errorf("versions: %v %v", list, err)
		}
	})
}

func TestCoerceUndoneByDeletion(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.Grace = 1 << 40
		if _, err := b.Coerce(t.Context(), archive.Coercion{Site: site, Peer: "MODALITY", Issuer: "NORD", Reason: "why"}); err != nil {
			t.Fatal(err)
		}
		x := thing{study: 1, series: 1, instance: 1, patient: "P1", name: "MEIER^ANNA", pixels: 100}
		b.mustStore(x.arrival(t), archive.Added)
		_, given := b.opened(x.sop())
		study, _, _ := x.uids()
		d, err := b.Delete(t.Context(), site, archive.Target{Study: study}, archive.ByPerson, "why")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Undo(t.Context(), site, d.ID); err != nil {
			t.Fatal(err)
		}
		s, err := b.Study(t.Context(), site, study)
		if err != nil || s.Person.Reveal() != "NORD|P1" {
			t.Errorf("brought back: %v %v", s.Person.Reveal(), err)
		}
		if _, again := b.opened(x.sop()); !cmp.Equal(given, again) {
			t.Error("it is given out otherwise than before")
		}
	})
}

func TestCoerceRefused(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for name, c := range map[string]archive.Coercion{
			"no peer":                      {Site: site, Issuer: "X", Reason: "why"},
			"no reason":                    {Site: site, Peer: "CT1", Issuer: "X"},
			"an attribute not to be named": {Site: site, Peer: "CT1", Reason: "why", Rules: []archive.Rule{rule("Modality", archive.Set, "CT")}},
			"a value too long":             {Site: site, Peer: "CT1", Reason: "why", Rules: []archive.Rule{rule("AccessionNumber", archive.Set, "12345678901234567")}},
			"no date":                      {Site: site, Peer: "CT1", Reason: "why", Rules: []archive.Rule{rule("PatientBirthDate", archive.Set, "1970")}},
			"no expression":                {Site: site, Peer: "CT1", Reason: "why", Rules: []archive.Rule{rule("PatientID", archive.Replace, "(", "")}},
			"no doing":                     {Site: site, Peer: "CT1", Reason: "why", Rules: []archive.Rule{rule("PatientID", "sing", "x")}},
			"no number of digits":          {Site: site, Peer: "CT1", Reason: "why", Rules: []archive.Rule{rule("PatientID", archive.Pad, "many")}},
		} {
			if _, err := b.Coerce(t.Context(), c); fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := b.Uncoerce(t.Context(), site, "CT1", "why"); fault.Of(err) != fault.NotFound {
			t.Errorf("undone what was not: %v", err)
		}
	})
}

func TestCoercePreview(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for n := 1; n <= 3; n++ {
			b.mustStore(thing{study: n, series: 1, instance: 1, patient: "12", name: "MEIER^ANNA", set: func(d *dicom.Builder) {
				d.Text(tag.AccessionNumber, strings.Repeat("9", 5*n))
			}}.arrival(t), archive.Added)
		}
		list, err := b.Preview(t.Context(), archive.Coercion{Site: site, Peer: "MODALITY", Rules: []archive.Rule{
			rule("PatientID", archive.Pad, "6"), rule("AccessionNumber", archive.Prefix, "NO-"),
		}}, 2)
		if err != nil || len(list) != 2 {
			t.Fatalf("%d: %v", len(list), err)
		}
		if diff := cmp.Diff([]string{"AccessionNumber"}, list[0].Unfit); diff != "" {
			t.Errorf("15 digits and a prefix are too long: %s", diff)
		}
		x := list[1]
		if len(x.After) != 2 || x.Before[0].Text.Reveal() != "9999999999" || x.After[0].Text.Reveal() != "NO-9999999999" || x.After[1].Text.Reveal() != "000012" {
			t.Errorf("preview: %d", len(x.After))
		}
		if s, err := b.Study(t.Context(), site, x.Study); err != nil || s.PatientID.Reveal() != "12" {
			t.Errorf("a preview changes something: %v", err)
		}
	})
}

// TestCoercedIsForgotten: under which version something came is known as long as it is
// there or may come back, and no longer.
func TestCoercedIsForgotten(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
		if _, err := b.Coerce(t.Context(), archive.Coercion{Site: site, Peer: "MODALITY", Issuer: "NORD", Reason: "a clinic of its own"}); err != nil {
			t.Fatal(err)
		}
		var things []thing
		for n, who := range []string{"A", "B", "C"} {
			things = append(things, thing{study: n + 1, series: 1, instance: 1, patient: who, name: "MEIER^ANNA"})
			b.mustStore(things[n].arrival(t), archive.Added)
		}
		rows := func(when string, want int) {
			t.Helper()
			for _, table := range []string{"coerced", "coerced_study"} {
				n := 0
				if err := b.db.QueryRow(t.Context(), `select count(*) from `+table).Scan(&n); err != nil || n != want {
					t.Errorf("%s: %s has %d rows, %v; want %d", when, table, n, err, want)
				}
			}
		}
		rows("stored", 3)
		b.erase(access.Person{Site: site, ID: archive.Person("NORD", "A")})
		rows("one erased", 2)
		if _, err := b.Delete(t.Context(), site, archive.Target{Study: b.target(things[1]).Study}, archive.ByPerson, "why"); err != nil {
			t.Fatal(err)
		}
		rows("one deleted, and may come back", 2)
		*clock = clock.Add(8 * 24 * time.Hour)
		b.empty()
		rows("and does not any more", 1)
		if f, _ := b.opened(things[2].sop()); f.Text(tag.IssuerOfPatientID) != "NORD" {
			t.Error("what stays is coerced no more")
		}
	})
}
