package dose_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/fault"
)

// head is the heading of a made-up notice.
func head() dose.LevelSet {
	return dose.LevelSet{Site: house, ID: "XX_TEST_2026", TypedBy: "first", LevelHead: dose.LevelHead{
		Title: "Made-up notice", Authority: "Nobody", Country: "XX", Year: "2026", Edition: "2026", Source: "Notice of 1 January 2026",
		Statistic: "75th percentile of medians", Page: "4", ValidFrom: "2026-01-01", ReviewDue: "2026-06-30", Official: true,
	}}
}

// rows reads a table that is in order.
func rows(t *testing.T, text string) dose.LevelTable {
	t.Helper()
	table, problems, err := dose.ReadLevels([]byte(text))
	check(t, err)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return table
}

const pasted = "exam_code;indication_code;quantity;value;unit;phantom;page\n" +
	"CT_HEAD;STROKE_ACUTE;DLP per complete examination;600;mGy·cm;;12\n" +
	"CT_ABDOMEN;;DLP per complete examination;0.45;Gy.cm;;\n" +
	"CT_ABDOMEN;;CTDIvol per sequence;9;mGy;body32;S. 13\n"

// enter enters the made-up notice as a draft.
func (k *desk) enter(s dose.LevelSet, text string) dose.LevelSet {
	k.t.Helper()
	s, refused, err := k.EnterLevels(k.t.Context(), s, rows(k.t, text))
	check(k.t, err)
	if len(refused) > 0 {
		k.t.Fatal(refused)
	}
	return s
}

// compare finds every row of a set as in its source and makes it usable.
func (k *desk) compare(id, by string) dose.LevelSet {
	k.t.Helper()
	s, err := k.LevelSet(k.t.Context(), house, id)
	check(k.t, err)
	for _, r := range s.Rows {
		check(k.t, k.CheckLevel(k.t.Context(), house, id, r.ID, dose.LevelCheck{Page: s.PageOf(r), Same: true}, by))
	}
	s, err = k.ReleaseLevels(k.t.Context(), house, id, by)
	check(k.t, err)
	return s
}

func TestLevelsAreEnteredAndChecked(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		ctx := t.Context()
		s := k.enter(head(), pasted)
		govern := func() error {
			_, err := k.Govern(ctx, dose.Governing{Site: house, Set: s.ID, From: "2026-01-01", DecidedBy: "local"})
			return err
		}
		if err := govern(); fault.Of(err) != fault.Conflict {
			t.Errorf("a draft governs: %v; want Conflict", err)
		}
		before, err := k.Levels(ctx, house)
		check(t, err)
		s, err = k.LevelSet(ctx, house, s.ID)
		check(t, err)
		if len(s.Rows) != 3 || s.Rows[0].Cells["unit"] != "mGy.cm" || s.Rows[0].Cells["modality"] != "CT" || s.Rows[0].Cells["patient_group"] != "adult" {
			t.Fatalf("rows = %+v", s.Rows)
		}
		first := s.Rows[0].ID
		for _, c := range []struct {
			name string
			err  error
			want fault.Kind
		}{
			{"who typed it compares it", k.CheckLevel(ctx, house, s.ID, first, dose.LevelCheck{Page: "12", Same: true}, "first"), fault.Forbidden},
			{"another page", k.CheckLevel(ctx, house, s.ID, first, dose.LevelCheck{Page: "4", Same: true}, "second"), fault.Invalid},
			{"no page", k.CheckLevel(ctx, house, s.ID, first, dose.LevelCheck{Same: true}, "second"), fault.Invalid},
			{"differs without a word", k.CheckLevel(ctx, house, s.ID, first, dose.LevelCheck{}, "second"), fault.Invalid},
			{"no such row", k.CheckLevel(ctx, house, s.ID, "r", dose.LevelCheck{Same: true}, "second"), fault.NotFound},
		} {
			if fault.Of(c.err) != c.want {
				t.Errorf("%s: %v; want %v", c.name, c.err, c.want)
			}
		}
		check(t, k.CheckLevel(ctx, house, s.ID, first, dose.LevelCheck{Remark: "the notice says 620"}, "second"))
		for _, r := range s.Rows[1:] {
			check(t, k.CheckLevel(ctx, house, s.ID, r.ID, dose.LevelCheck{Page: "p. " + s.PageOf(r), Same: true}, "second"))
		}
		if _, err := k.ReleaseLevels(ctx, house, s.ID, "second"); fault.Of(err) != fault.Conflict {
			t.Errorf("usable with a row that differs: %v; want Conflict", err)
		}
		cells := s.Rows[0].Cells
		cells["value"] = "620"
		refused, err := k.CorrectLevel(ctx, house, s.ID, first, cells, "first")
		check(t, err)
		if len(refused) > 0 {
			t.Fatal(refused)
		}
		if _, err := k.ReleaseLevels(ctx, house, s.ID, "second"); fault.Of(err) != fault.Conflict {
			t.Errorf("usable with a row corrected since: %v; want Conflict", err)
		}
		check(t, k.CheckLevel(ctx, house, s.ID, first, dose.LevelCheck{Page: "12", Same: true}, "second"))
		if _, err := k.ReleaseLevels(ctx, house, s.ID, "first"); fault.Of(err) != fault.Forbidden {
			t.Errorf("who typed the heading makes it usable: %v; want Forbidden", err)
		}
		s, err = k.ReleaseLevels(ctx, house, s.ID, "second")
		check(t, err)
		if s.State != dose.LevelUsable || s.Digest == "" || s.CheckedBy != "second" {
			t.Errorf("released set = %+v", s)
		}
		after, err := k.Levels(ctx, house)
		check(t, err)
		if len(after) != len(before)+3 {
			t.Errorf("%d levels; want %d", len(after), len(before)+3)
		}
		got := after[len(after)-2]
		if got.Value != 450 || got.Unit != "mGy.cm" || got.Stated != "0.45 Gy.cm" || !got.Official || !got.Checked || got.Set.Digest != s.Digest {
			t.Errorf("level = %+v; want 450 mGy.cm, official, checked, of digest %s", got, s.Digest)
		}
		check(t, govern())
		if _, _, err := k.AddLevels(ctx, house, s.ID, rows(t, pasted), "first"); fault.Of(err) != fault.Conflict {
			t.Errorf("a set in use is edited: %v; want Conflict", err)
		}
		if err := k.EndLevels(ctx, house, s.ID, "", "typing error", true, "second"); fault.Of(err) != fault.Conflict {
			t.Errorf("a governing set is withdrawn: %v; want Conflict", err)
		}
		if !s.Overdue("2026-07-01") || s.Overdue("2026-06-30") {
			t.Error("the review is overdue from the day after it was due, and not before")
		}
	})
}

func TestRowsThatBreakARule(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	s := k.enter(head(), pasted)
	const columns = "exam_code\tindication_code\tquantity\tvalue\tunit\tsize_kind\tsize_min\tsize_max\n"
	for _, c := range []struct {
		name, line string
		code       content.Code
		column     string
	}{
		{"an examination nobody knows", "CT_SOUL\t\tDLP\t5\tmGy.cm\t\t\t", content.Unknown, "exam_code"},
		{"an indication nobody knows", "CT_CHEST\tCURIOSITY\tDLP\t5\tmGy.cm\t\t\t", content.Unknown, "indication_code"},
		{"a quantity nobody knows", "CT_CHEST\t\tWeight\t5\tmGy.cm\t\t\t", content.Unknown, "quantity"},
		{"a comma", "CT_CHEST\t\tDLP\t5,2\tmGy.cm\t\t\t", content.NotNumber, "value"},
		{"nothing", "CT_CHEST\t\tDLP\t\tmGy.cm\t\t\t", content.Empty, "value"},
		{"zero", "CT_CHEST\t\tDLP\t0\tmGy.cm\t\t\t", content.NotPositive, "value"},
		{"a unit of something else", "CT_CHEST\t\tDLP\t5\tmGy\t\t\t", content.UnitMismatch, "unit"},
		{"weights the wrong way round", "CT_CHEST\t\tDLP\t5\tmGy.cm\tweight_kg\t15\t5", content.Backwards, "size_max"},
		{"bounds of nothing", "CT_CHEST\t\tDLP\t5\tmGy.cm\t\t5\t15", content.NotAllowed, "size_kind"},
		{"a row that stands there", "CT_ABDOMEN\t\tDLP per complete examination\t5\tmGy.cm\t\t\t", content.BothValid, "exam_code"},
		{"a field too few", "CT_CHEST\t\tDLP\t5\tmGy.cm\t\t", content.FieldCount, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, problems, err := dose.ReadLevels([]byte(columns + "CT_SINUS\t\tDLP\t5\tmGy.cm\tweight_kg\t5\t15\n\n" + c.line + "\n"))
			check(t, err)
			added, refused, err := k.AddLevels(t.Context(), house, s.ID, table, "first")
			check(t, err)
			refused = append(problems, refused...)
			if added != 1 || len(refused) != 1 || refused[0].Code != c.code || refused[0].Column != c.column || refused[0].Line != 4 || refused[0].Fix() == "" {
				t.Errorf("added %d, refused %v; want 1, and line 4 for %s", added, refused, c.code)
			}
			all, err := k.LevelSet(t.Context(), house, s.ID)
			check(t, err)
			check(t, k.RemoveLevel(t.Context(), house, s.ID, all.Rows[len(all.Rows)-1].ID, "first"))
		})
	}
}

func TestTablesThatAreNone(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"nothing", ""},
		{"no numbers", "exam_code\tquantity\nCT_HEAD\tDLP\n"},
		{"a column nobody knows", "exam_code\tquantity\tvalue\tunit\tcolour\n"},
		{"a column twice", "exam_code\tquantity\tvalue\tunit\tunit\n"},
	} {
		if _, _, err := dose.ReadLevels([]byte(c.text)); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v; want Invalid", c.name, err)
		}
	}
	if _, _, err := dose.ReadLevels(bytes.Repeat([]byte("x"), 2<<20)); fault.Of(err) != fault.Exhausted {
		t.Errorf("too much: %v; want Exhausted", err)
	}
}

func TestHeadsThatAreRefused(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	for _, c := range []struct {
		name string
		edit func(*dose.LevelSet)
		want fault.Kind
	}{
		{"no name", func(s *dose.LevelSet) { s.ID = "" }, fault.Invalid},
		{"a name that is a path", func(s *dose.LevelSet) { s.ID = "../x" }, fault.Invalid},
		{"a set of the program", func(s *dose.LevelSet) { s.ID = "UK_NDRL_2024" }, fault.Conflict},
		{"no source", func(s *dose.LevelSet) { s.Source = " " }, fault.Invalid},
		{"a day that is none", func(s *dose.LevelSet) { s.ReviewDue = "2026-02-30" }, fault.Invalid},
		{"ends before it begins", func(s *dose.LevelSet) { s.ValidTo = "2025" }, fault.Invalid},
		{"nobody types it", func(s *dose.LevelSet) { s.TypedBy = "" }, fault.Invalid},
		{"own values that are official", func(s *dose.LevelSet) { s.Kind = dose.LevelLocal }, fault.Invalid},
	} {
		s := head()
		c.edit(&s)
		if _, _, err := k.EnterLevels(t.Context(), s, dose.LevelTable{}); fault.Of(err) != c.want {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
	k.enter(head(), pasted)
	if _, _, err := k.EnterLevels(t.Context(), head(), dose.LevelTable{}); fault.Of(err) != fault.Conflict {
		t.Errorf("the same name twice: %v; want Conflict", err)
	}
}

// cells are the rows of a set without who did what.
func cells(s dose.LevelSet) (all []map[string]string) {
	for _, r := range s.Rows {
		all = append(all, r.Cells)
	}
	return all
}

func TestLevelsGoOutAndComeIn(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	one := k.enter(head(), pasted+"CT_HEAD;;DLP;210;mGy.cm;;5\n")
	one, err := k.LevelSet(t.Context(), house, one.ID)
	check(t, err)
	t.Run("tsv", func(t *testing.T) {
		other := head()
		other.ID = "XX_TSV"
		text := strings.ReplaceAll(string(one.TSV()), "XX_TEST_2026", "XX_TSV")
		other = k.enter(other, text)
		other, err := k.LevelSet(t.Context(), house, other.ID)
		check(t, err)
		if diff := cmp.Diff(string(one.TSV()), strings.ReplaceAll(string(other.TSV()), "XX_TSV", "XX_TEST_2026")); diff != "" {
			t.Errorf("read again (-want +got):\n%s", diff)
		}
	})
	t.Run("fhir", func(t *testing.T) {
		text, err := one.FHIR()
		check(t, err)
		got, table, problems, err := dose.ReadLevelsFHIR(text)
		check(t, err)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if diff := cmp.Diff(one.LevelHead, got.LevelHead); diff != "" || got.ID != one.ID || got.Kind != one.Kind {
			t.Errorf("heading (-want +got):\n%s", diff)
		}
		got.Rows = table.Rows
		if diff := cmp.Diff(cells(one), cells(got)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})
	t.Run("every set of the program", func(t *testing.T) {
		library, err := content.Open()
		check(t, err)
		for _, set := range library.OfKind("", "levels") {
			s, err := dose.LevelSetOf(set)
			check(t, err)
			table, problems, err := dose.ReadLevels(s.TSV())
			check(t, err)
			if len(problems) > 0 || len(table.Rows) != set.Rows() {
				t.Errorf("%s: %d rows, %v; want %d", set.ID, len(table.Rows), problems, set.Rows())
			}
			text, err := s.FHIR()
			check(t, err)
			_, table, problems, err = dose.ReadLevelsFHIR(text)
			check(t, err)
			got := s
			got.Rows = table.Rows
			if diff := cmp.Diff(cells(s), cells(got)); diff != "" || len(problems) > 0 {
				t.Errorf("%s by FHIR (-want +got):\n%s%v", set.ID, diff, problems)
			}
		}
	})
}

func FuzzReadLevels(f *testing.F) {
	f.Add([]byte(pasted))
	f.Add([]byte("exam_code\tquantity\tvalue\tunit\n\"a\"\"b\tc\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, _, err := dose.ReadLevels(text)
		if err == nil && len(table.Rows) > 2000 {
			t.Errorf("%d rows", len(table.Rows))
		}
	})
}

func FuzzReadLevelsFHIR(f *testing.F) {
	s := head()
	s.Rows = []dose.LevelRow{{Cells: map[string]string{"exam_code": "CT_HEAD", "quantity": "DLP", "value": "5", "unit": "mGy.cm"}}}
	text, err := s.FHIR()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		s, _, _, err := dose.ReadLevelsFHIR(text)
		if err == nil && s.ID == "" {
			t.Error("a set without a name")
		}
	})
}
