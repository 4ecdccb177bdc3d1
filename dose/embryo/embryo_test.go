package embryo_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/embryo"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
	"radagora/ucum"
)

const (
	house = site.Default
	study = "1.2.3.4"
	anna  = "hospital|4711"
)

// today is the day on which these tests happen.
func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sheet is one that nothing is wrong with: 724.52 × 0.02 × 0.9 + 12 × 1.5 = 31.04136 mGy.
func sheet() embryo.Sheet {
	return embryo.Sheet{
		Study: study, Weeks: "11", Days: "3", KnownBy: "ultrasound", Method: "DLP and DAP by coefficients", Combine: embryo.Linear, Name: "The physicist",
		Lines: []embryo.Line{
			{Key: "1", Name: "Abdomen", Quantity: "dlp", Value: "724.52", Place: embryo.Inside, Coefficient: "0.02", Factor: "0,9", Source: "paper, table 1", Uncertainty: "30"},
			{Key: "2", Name: "Pelvis ap", Quantity: "dap", Value: "12", Place: embryo.Partly, Coefficient: "1.5", Source: "paper, table 2", Uncertainty: "40"},
			{Key: "3", Name: "Chest", Quantity: "dap", Value: "0.1", Place: embryo.Apart, Source: "20 cm away from the beam"},
		},
	}
}

// TestCalculate holds every step and the sum against what was calculated by hand.
func TestCalculate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, combine, dose, uncertainty string }{
		{"contributions that err alike are added", embryo.Linear, "31.04136", "11.112408"},
		{"independent ones as the root of squares", embryo.Quadrature, "31.04136", "8.19432"},
	} {
		s := sheet()
		s.Combine = c.combine
		r, wrong := s.Calculate()
		if len(wrong) > 0 {
			t.Fatalf("%s: %v", c.name, wrong)
		}
		if r.Dose.String() != c.dose || r.Uncertainty != c.uncertainty {
			t.Errorf("%s: %s ± %s mGy, want %s ± %s", c.name, r.Dose, r.Uncertainty, c.dose, c.uncertainty)
		}
		if len(r.Steps) != 3 || r.Steps[0].Dose.String() != "13.04136" || r.Steps[1].Dose.String() != "18" || !r.Steps[2].Left || r.Steps[2].Dose.Sign() != 0 {
			t.Errorf("%s: steps %+v", c.name, r.Steps)
		}
	}
	s := sheet()
	s.Lines[1].Uncertainty = ""
	if r, _ := s.Calculate(); r.Uncertainty != "" {
		t.Errorf("an uncertainty of %s where one line has none", r.Uncertainty)
	}
	s.Lines = []embryo.Line{{Quantity: embryo.Direct, Value: "3.5", Place: embryo.Outside, Source: "measured in a phantom, report 12"}}
	if r, wrong := s.Calculate(); len(wrong) > 0 || r.Dose.String() != "3.5" {
		t.Errorf("a dose that was found elsewhere: %s, %v", r.Dose, wrong)
	}
}

// TestWrong names what a sheet lacks; nothing is calculated of it.
func TestWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(s *embryo.Sheet)
		want embryo.Wrong
	}{
		{"a coefficient without its source", func(s *embryo.Sheet) { s.Lines[0].Source = " " }, embryo.Wrong{Line: 1, Field: "source", Rule: embryo.WrongSource}},
		{"a line left out without a reason", func(s *embryo.Sheet) { s.Lines[2].Source = "" }, embryo.Wrong{Line: 3, Field: "source", Rule: embryo.WrongSource}},
		{"no coefficient", func(s *embryo.Sheet) { s.Lines[1].Coefficient = "" }, embryo.Wrong{Line: 2, Field: "coefficient", Rule: embryo.WrongNumber}},
		{"a negative value", func(s *embryo.Sheet) { s.Lines[1].Value = "-1" }, embryo.Wrong{Line: 2, Field: "value", Rule: embryo.WrongNumber}},
		{"nobody said where the uterus was", func(s *embryo.Sheet) { s.Lines[0].Place = "" }, embryo.Wrong{Line: 1, Field: "place", Rule: embryo.WrongPlace}},
		{"a quantity that is none", func(s *embryo.Sheet) { s.Lines[0].Quantity = "kerma" }, embryo.Wrong{Line: 1, Field: "quantity", Rule: embryo.WrongQuantity}},
		{"an age of 46 weeks", func(s *embryo.Sheet) { s.Weeks = "46" }, embryo.Wrong{Field: "weeks", Rule: embryo.WrongAge}},
		{"days without weeks", func(s *embryo.Sheet) { s.Weeks, s.KnownBy = "", "" }, embryo.Wrong{Field: "weeks", Rule: embryo.WrongAge}},
		{"an age without how it is known", func(s *embryo.Sheet) { s.KnownBy = "" }, embryo.Wrong{Field: "known_by", Rule: embryo.WrongKnown}},
		{"no method", func(s *embryo.Sheet) { s.Method = "" }, embryo.Wrong{Field: "method", Rule: embryo.WrongMethod}},
		{"nobody signs", func(s *embryo.Sheet) { s.Name = "" }, embryo.Wrong{Field: "name", Rule: embryo.WrongName}},
		{"no way of combining", func(s *embryo.Sheet) { s.Combine = "" }, embryo.Wrong{Field: "combine", Rule: embryo.WrongCombine}},
		{"no lines", func(s *embryo.Sheet) { s.Lines = nil }, embryo.Wrong{Field: "lines", Rule: embryo.WrongLines}},
		{"a text that is none", func(s *embryo.Sheet) { s.Note = "\xff" }, embryo.Wrong{Field: "note", Rule: embryo.WrongText}},
		{"an uncertainty of 2000 %", func(s *embryo.Sheet) { s.Lines[0].Uncertainty = "2000" }, embryo.Wrong{Line: 1, Field: "uncertainty", Rule: embryo.WrongUncertain}},
	} {
		s := sheet()
		c.make(&s)
		r, wrong := s.Calculate()
		if diff := cmp.Diff([]embryo.Wrong{c.want}, wrong); diff != "" || r.Dose.Sign() != 0 {
			t.Errorf("%s: %s; dose %s", c.name, diff, r.Dose)
		}
	}
}

// TestBegin fills in what the ledger knows and nothing else.
func TestBegin(t *testing.T) {
	t.Parallel()
	word := func(s string) *string { return &s }
	number := func(s string) *ucum.Decimal { d := ucum.MustDecimal(s); return &d }
	s := &dose.StoredStudy{UID: study, Sources: []dose.StoredSource{{ID: "1.9", Class: dose.FromImage}}}
	s.Events = append(s.Events,
		dose.StoredEvent{Examination: "1", SOPInstance: "1.8", EventJSON: dose.EventJSON{Key: "a", Type: word("constant_angle")}},
		dose.StoredEvent{Examination: "1", SOPInstance: "1.8", EventJSON: dose.EventJSON{
			Key: "b", Protocol: word("Abdomen"), DLP: number("500.25"), Region: &dose.CodeJSON{Meaning: word("Abdomen and pelvis")},
			Values: []dose.ValueJSON{{Field: dose.FieldZTop, Value: 100.0}, {Field: dose.FieldZBottom, Value: -350.5}},
		}},
	)
	for range 20 {
		s.Events = append(s.Events, dose.StoredEvent{Examination: "2", SOPInstance: "1.9", EventJSON: dose.EventJSON{Key: "c", Protocol: word("Fluoro"), DAP: number("0.00001")}})
	}
	want := []embryo.Line{
		{Key: "b", Name: "Abdomen", Quantity: "dlp", Value: "500.25", Reported: "500.25 mGy.cm", Origin: "report", Events: 1, Beam: "Abdomen and pelvis, z 100 mm, to -350.5 mm"},
		{Key: "2", Name: "Fluoro", Quantity: "dap", Value: "2", Reported: "2 Gy.cm2", Origin: "image", Events: 20},
	}
	got := embryo.Begin(s)
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Error(diff)
	}
	if _, wrong := got.Calculate(); len(wrong) == 0 {
		t.Error("a sheet that nobody filled in is taken")
	}
}

// newBook opens a book in an empty database.
func newBook(t *testing.T, d *db.DB) (*embryo.Book, *recorder) {
	t.Helper()
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, today)
	check(t, err)
	check(t, d.Migrate(t.Context(), "embryo", embryo.Migrations()))
	r := &recorder{Journal: j}
	return &embryo.Book{DB: d, Journal: r, Site: sites.Site, Program: "test", Now: today}, r
}

// TestDeclare keeps versions, withdraws without erasing, and erases with the person.
func TestDeclare(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b, j := newBook(t, d)
		ctx := t.Context()
		w, wrong, err := b.Declare(ctx, house, "user:1", anna, "", "", sheet())
		check(t, err)
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		if _, _, err := b.Declare(ctx, house, "user:1", anna, w.ID, "", sheet()); fault.Of(err) != fault.Invalid {
			t.Errorf("a further version without a reason: %v", err)
		}
		better := sheet()
		better.Lines[0].Coefficient = "0.03"
		_, _, err = b.Declare(ctx, house, "user:2", anna, w.ID, "another table", better)
		check(t, err)
		other := sheet()
		other.Study = "1.2.3.5"
		if _, _, err := b.Declare(ctx, house, "user:2", anna, w.ID, "wrong study", other); fault.Of(err) != fault.NotFound {
			t.Errorf("a version of another study: %v", err)
		}
		check(t, b.Withdraw(ctx, house, "user:2", w.ID, "wrong patient"))
		if err := b.Withdraw(ctx, house, "user:2", w.ID, "again"); fault.Of(err) != fault.NotFound {
			t.Errorf("withdrawn twice: %v", err)
		}
		if _, _, err := b.Declare(ctx, house, "user:2", anna, w.ID, "after all", better); fault.Of(err) != fault.NotFound {
			t.Errorf("a version of what was withdrawn: %v", err)
		}
		all, err := b.Of(ctx, house, study)
		check(t, err)
		if len(all) != 1 || all[0].State != embryo.Withdrawn || len(all[0].Versions) != 3 {
			t.Fatalf("kept: %+v", all)
		}
		if v := all[0].Versions; v[0].Result.Dose.String() != "31.04136" || v[1].Result.Dose.String() != "37.56204" || v[2].Reason != "wrong patient" || v[0].By != "user:1" || v[0].Day != "2026-11-22" {
			t.Errorf("versions: %+v", v)
		}
		if got := all[0].Declared().Number; got != 2 {
			t.Errorf("declared last: version %d", got)
		}
		told(ctx, t, b)
		check(t, d.Write(ctx, func(tx *db.Tx) error {
			n, err := b.Erase(ctx, tx, access.Person{Site: house, ID: anna})
			if n != 1 {
				t.Errorf("erased %d", n)
			}
			return err
		}))
		if all, err = b.Of(ctx, house, study); err != nil || len(all) > 0 {
			t.Errorf("after erasure: %v, %v", all, err)
		}
		var left int
		check(t, d.QueryRow(ctx, `select count(*) from dose_embryo_step`).Scan(&left))
		if left > 0 {
			t.Errorf("%d versions are left", left)
		}
		j.journalled(t)
	})
}

// told holds what the person gets.
func told(ctx context.Context, t *testing.T, b *embryo.Book) {
	t.Helper()
	n := 0
	for r, err := range b.Export(ctx, access.Person{Site: house, ID: anna}) {
		check(t, err)
		n++
		var data struct {
			State    string
			Versions []struct{ Sheet embryo.Sheet }
		}
		check(t, json.Unmarshal(r.Data, &data))
		if r.Kind != "worksheet" || data.State != embryo.Withdrawn || len(data.Versions) != 3 || data.Versions[0].Sheet.Weeks != "11" {
			t.Errorf("the person gets %s", r.Data)
		}
	}
	if n != 1 {
		t.Errorf("the person gets %d worksheets", n)
	}
	all, err := b.Persons(ctx, b.DB)
	check(t, err)
	if diff := cmp.Diff([]access.Person{{Site: house, ID: anna}}, all); diff != "" {
		t.Error(diff)
	}
}

// A recorder is a journal that remembers.
type recorder struct {
	*journal.Journal
	all []journal.Entry
}

// Append implements embryo.Journal.
func (r *recorder) Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error {
	r.all = append(r.all, e...)
	return r.Journal.Append(ctx, tx, e...)
}

// journalled holds that every act stands in the journal, and nothing of the person.
func (r *recorder) journalled(t *testing.T) {
	t.Helper()
	var kinds []string
	for _, e := range r.all {
		kinds = append(kinds, e.Kind)
		if strings.Contains(string(e.Data)+e.Subject, "4711") || strings.Contains(string(e.Data), "physicist") {
			t.Errorf("%s tells %s of %s", e.Kind, e.Data, e.Subject)
		}
	}
	if diff := cmp.Diff([]string{"dose.embryo.declared", "dose.embryo.declared", "dose.embryo.withdrawn", "dose.embryo.erased"}, kinds); diff != "" {
		t.Error(diff)
	}
}
