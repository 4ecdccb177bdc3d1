package reject_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/reject"
	"radagora/evidence"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

const house = site.Default

func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// images is an archive that has only numbers.
type images []reject.ImageMonth

// ImageMonths implements reject.Archive.
func (i images) ImageMonths(context.Context, string, dose.Period) ([]reject.ImageMonth, error) {
	return i, nil
}

// newDesk opens a desk with a machine of the station DX1, and returns its id.
func newDesk(t *testing.T, d *db.DB) (*reject.Desk, string) {
	t.Helper()
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, today)
	check(t, err)
	check(t, d.Migrate(t.Context(), "access", access.Migrations()))
	check(t, d.Migrate(t.Context(), "dose", dose.Migrations()))
	check(t, d.Migrate(t.Context(), "reject", reject.Migrations()))
	library, err := content.Open()
	check(t, err)
	var seen site.Sighting
	check(t, d.Write(t.Context(), func(tx *db.Tx) (err error) {
		seen, err = sites.Seen(t.Context(), tx, site.Equipment{Site: house, Manufacturer: "Exampleray", Model: "Wall", Station: "DX1", Modality: "DX", Day: "2026-09-01"})
		return err
	}))
	return &reject.Desk{
		DB: d, Journal: j, Content: library, Now: today,
		Plan: func(ctx context.Context, siteID string) (*site.Plan, error) { return sites.Plan(ctx, d, siteID) },
	}, seen.MachineID
}

// year is the period that tests look at.
var year = dose.Period{From: "2026-01-01", To: "2026-12-31"}

// csv is a log with an operator and a patient, which nobody is to keep.
const csv = `Station;Acquired;Bodypart;View;State;Why;EI;Operator;Patient
DX1;2026-10-01 08:00:00;Chest;PA;OK;;400;Operator One;LEAK^CANARY
DX1;2026-10-01 08:05:00;Chest;PA;REJ;Centring;410;Operator One;LEAK^CANARY
DX1;2026-10-01 08:06:00;Chest;PA;OK;;420;Operator One;LEAK^CANARY
DX1;2026-10-02 09:00:00;Chest;LAT;REJ;Patient motion;;Operator Two;LEAK^CANARY
DX1;2026-10-02 09:01:00;Chest;LAT;OK;;380;Operator Two;LEAK^CANARY
DX1;2026-10-03 07:00:00;Phantom;;REJ;Test or quality control image;;Operator Two;
DX1;2026-11-03 07:00:00;Hand;PA;OK;;;Operator Two;
DX9;2026-10-04 07:00:00;Hand;PA;OK;;;Operator Two;
DX1;03/04/2026;Hand;PA;OK;;;Operator Two;
DX1;2026-10-04 07:00:00;Hand;PA;perhaps;;;Operator Two;
DX1;2026-10-04 07:00:00;Hand;PA;OK;;many;Operator Two;
`

func layout() reject.Layout {
	return reject.Layout{
		Vendor: "Exampleray", Release: "4.1", Rejected: []string{"rej"}, Accepted: []string{"ok"},
		Columns: map[string]string{"machine": "Station", "date": "Acquired", "exam": "Bodypart", "view": "View", "rejected": "State", "reason": "Why", "exposure_index": "EI"},
	}
}

func TestImport(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, machine := newDesk(t, d)
		k.Archive = images{{machine, "2026-09", 5}, {machine, "2026-10", 3}, {machine, "2026-11", 2}, {"another", "2026-10", 100}}
		dry, err := k.Import(t.Context(), house, "local", []byte(csv), layout(), true)
		check(t, err)
		want := reject.Told{Rows: 11, Rejected: 3, Left: 4, Wrong: []reject.Wrong{
			{9, "machine", reject.WrongMachine}, {10, "date", reject.WrongDay}, {11, "rejected", reject.WrongRejected}, {12, "exposure_index", reject.WrongExposure},
		}}
		if diff := cmp.Diff(want, dry.Told); diff != "" || dry.Taken != 7 || dry.Batch != "" {
			t.Errorf("dry run: taken %d, batch %q\n%s", dry.Taken, dry.Batch, diff)
		}
		if all, err := k.Batches(t.Context(), house); err != nil || len(all) != 0 {
			t.Errorf("a dry run left %d files, %v", len(all), err)
		}
		done, err := k.Import(t.Context(), house, "local", []byte(csv), layout(), false)
		check(t, err)
		if diff := cmp.Diff(want, done.Told); diff != "" {
			t.Error(diff)
		}
		_, err = k.Import(t.Context(), house, "local", []byte(csv), layout(), false)
		if fault.Of(err) != fault.Conflict {
			t.Errorf("the same file twice: %v", err)
		}

		b, err := k.Board(t.Context(), house, year, reject.Filter{})
		check(t, err)
		if len(b.Rooms) != 1 {
			t.Fatalf("%d rooms", len(b.Rooms))
		}
		r := b.Rooms[0]
		if diff := cmp.Diff(reject.Counts{Accepted: 4, Rejected: 2, Tests: 1}, r.Counts); diff != "" {
			t.Error(diff)
		}
		if rate, ok := r.Rate(); !ok || math.Abs(rate-2.0/6) > 1e-9 {
			t.Errorf("rate %v, %v", rate, ok)
		}
		if part, ok := r.Complete(); !ok || part != 0.4 || !b.Incomplete(part, ok) || r.Logged != 2 || len(r.Months) != 3 {
			t.Errorf("complete %v, %v; months %+v", part, ok, r.Months)
		}
		if part, ok := r.Months[1].Complete(); !ok || part != 1 || b.Incomplete(part, ok) {
			t.Errorf("October is complete: %v %v", part, ok)
		}
		var causes []string
		for _, c := range b.Causes {
			causes = append(causes, c.Code)
		}
		if diff := cmp.Diff([]string{"", "MOTION"}, causes); diff != "" {
			t.Error(diff)
		}
		if len(b.Unknown) != 1 || b.Unknown[0].Text != "Centring" {
			t.Errorf("unknown reasons %+v", b.Unknown)
		}
		check(t, k.Say(t.Context(), house, "local", "Exampleray", "  centring ", "POSITIONING"))
		b, err = k.Board(t.Context(), house, year, reject.Filter{})
		check(t, err)
		if len(b.Unknown) != 0 || b.Causes[1].Code != "POSITIONING" {
			t.Errorf("after saying what it means: %+v, %+v", b.Unknown, b.Causes)
		}
		if err := k.Say(t.Context(), house, "local", "Exampleray", "x", "NO_SUCH"); fault.Of(err) != fault.Invalid {
			t.Errorf("a reason the content does not have: %v", err)
		}
		kept, err := k.Layout(t.Context(), house, "Exampleray", "4.2")
		check(t, err)
		if kept.Columns["date"] != "Acquired" || kept.Release != "4.2" {
			t.Errorf("the map of columns for the next version: %+v", kept)
		}
	})
}

func TestNobodyIsKept(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	k, _ := newDesk(t, d)
	done, err := k.Import(t.Context(), house, "local", []byte(csv), layout(), false)
	check(t, err)
	var raw []byte
	check(t, d.QueryRow(t.Context(), `select content from dose_reject_batch where batch_id = $1`, done.Batch).Scan(&raw))
	if bytes.Contains(raw, []byte("Operator")) || bytes.Contains(raw, []byte("CANARY")) || !bytes.Contains(raw, []byte("Centring")) {
		t.Error("the file that is kept has more than the columns of the map, or less")
	}
}

func TestOverlapUndoAndRebuild(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		rows := func() (all []string) {
			all, err := db.List(t.Context(), d, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
				`select batch_id || ' ' || cast(line as text) || ' ' || machine_id || day || exam || view || reason from dose_reject_row order by batch_id, line`)
			check(t, err)
			return all
		}
		first, err := k.Import(t.Context(), house, "local", []byte(csv), layout(), false)
		check(t, err)
		longer := csv + "DX1;2026-11-04 07:00:00;Hand;PA;OK;;;Operator Two;\n"
		second, err := k.Import(t.Context(), house, "local", []byte(longer), layout(), false)
		check(t, err)
		if second.Taken != 1 || second.Told.Left != 11 {
			t.Errorf("of an overlapping file %d rows were taken, %d left", second.Taken, second.Told.Left)
		}
		before := rows()
		check(t, k.Rebuild(t.Context()))
		if diff := cmp.Diff(before, rows()); diff != "" || len(before) != 8 {
			t.Errorf("a rebuild changed the %d rows:\n%s", len(before), diff)
		}
		check(t, k.Undo(t.Context(), house, "local", first.Batch))
		if got := rows(); len(got) != 1 {
			t.Errorf("after taking back %d rows are left", len(got))
		}
		if err := k.Undo(t.Context(), house, "local", first.Batch); fault.Of(err) != fault.NotFound {
			t.Errorf("taking back twice: %v", err)
		}
		again, err := k.Import(t.Context(), house, "local", []byte(csv), layout(), false)
		check(t, err)
		if again.Taken != 7 {
			t.Errorf("imported again: %d rows", again.Taken)
		}
	})
}

func TestFormats(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	k, _ := newDesk(t, d)
	book := excelize.NewFile()
	for i, line := range strings.Split(strings.TrimSpace(csv), "\n") {
		for j, field := range strings.Split(line, ";") {
			cell, err := excelize.CoordinatesToCellName(j+1, i+1)
			check(t, err)
			check(t, book.SetCellStr("Sheet1", cell, field))
		}
	}
	var xlsx bytes.Buffer
	check(t, book.Write(&xlsx))
	attributes := `<?xml version="1.0" encoding="UTF-8"?><Log Station="DX1"><Day Acquired="2026-10-01">
		<Image Bodypart="Chest" View="PA" State="OK"/><Image Bodypart="Chest" View="PA" State="REJ" Why="Motion"/></Day></Log>`
	elements := `<rows><row><Station>DX1</Station><Acquired>20261001</Acquired><Bodypart>Hand &amp; wrist</Bodypart><State>OK</State></row>
		<row><Acquired>20261002</Acquired><Station>DX1</Station><Bodypart>Hand</Bodypart><State>REJ</State></row></rows>`
	excel := `<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="a"><Table>
		<Row><Cell><Data ss:Type="String">Station</Data></Cell><Cell><Data>Acquired</Data></Cell><Cell><Data>Bodypart</Data></Cell><Cell ss:Index="5"><Data>State</Data></Cell></Row>
		<Row><Cell><Data>DX1</Data></Cell><Cell><Data>2026-10-01T10:00:00</Data></Cell><Cell><Data>Hand</Data></Cell><Cell ss:Index="5"><Data>REJ</Data></Cell></Row></Table></Worksheet></Workbook>`
	for _, c := range []struct {
		name, format          string
		raw                   []byte
		rows, taken, rejected int
	}{
		{"semicolons", "csv", []byte(csv), 11, 7, 3},
		{"tabs", "csv", []byte(strings.ReplaceAll(csv, ";", "\t")), 11, 7, 3},
		{"workbook", "xlsx", xlsx.Bytes(), 11, 7, 3},
		{"XML of attributes, those around it count", "xml", []byte(attributes), 2, 2, 1},
		{"XML of elements", "xml", []byte(elements), 2, 2, 1},
		{"workbook in XML", "xml", []byte(excel), 1, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := k.Import(t.Context(), house, "local", c.raw, layout(), true)
			check(t, err)
			if got.Format != c.format || got.Told.Rows != c.rows || got.Taken != c.taken || got.Told.Rejected != c.rejected {
				t.Errorf("%s: %d rows, %d taken, %d rejected: %v", got.Format, got.Told.Rows, got.Taken, got.Told.Rejected, got.Told.Wrong)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	k, machine := newDesk(t, d)
	for _, c := range []struct {
		name, raw string
		change    func(*reject.Layout)
		want      fault.Kind
	}{
		{"no vendor", csv, func(l *reject.Layout) { l.Vendor = " " }, fault.Invalid},
		{"no column says whether it was rejected", csv, func(l *reject.Layout) { l.Columns["rejected"] = "nowhere" }, fault.Invalid},
		{"no column is the examination or view", csv, func(l *reject.Layout) { l.Columns["exam"], l.Columns["view"] = "x", "x" }, fault.Invalid},
		{"an empty file", "", func(*reject.Layout) {}, fault.Invalid},
		{"XML that is none", "<a><b></a>", func(*reject.Layout) {}, fault.Invalid},
		{"XML with an entity of its own", `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a><b c="1">&e;</b></a>`, func(*reject.Layout) {}, fault.Invalid},
		{"XML that is too deep", strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), func(*reject.Layout) {}, fault.Exhausted},
		{"a field nobody knows", csv, func(l *reject.Layout) { l.Columns["operator"] = "Operator" }, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := layout()
			c.change(&l)
			if _, err := k.Import(t.Context(), house, "local", []byte(c.raw), l, false); fault.Of(err) != c.want || err == nil {
				t.Errorf("%v", err)
			}
		})
	}
	l := layout()
	l.All, l.Columns["rejected"], l.Days, l.Machine = true, "nowhere", "dmy", machine
	got, err := k.Import(t.Context(), house, "local", []byte(csv), l, false)
	check(t, err)
	if got.Taken != 10 || got.Told.Rejected != 10 {
		t.Errorf("a log of rejected exposures alone: %d taken, %d rejected: %v", got.Taken, got.Told.Rejected, got.Told.Wrong)
	}
	b, err := k.Board(t.Context(), house, year, reject.Filter{})
	check(t, err)
	if rate, known := b.Rooms[0].Rate(); known {
		t.Errorf("a log without accepted exposures has a rate of %v", rate)
	}
}

// Wilson's interval of 2 of 20 and of 0 of 10, from his formula with z = 1.959964.
func TestInterval(t *testing.T) {
	for _, c := range []struct {
		counts    reject.Counts
		low, high float64
	}{
		{reject.Counts{Accepted: 18, Rejected: 2}, 0.0279, 0.3010},
		{reject.Counts{Accepted: 10}, 0, 0.2775},
		{reject.Counts{}, 0, 1},
	} {
		low, high := c.counts.Interval(0.95)
		if math.Abs(low-c.low) > 5e-4 || math.Abs(high-c.high) > 5e-4 {
			t.Errorf("%+v: %.4f to %.4f", c.counts, low, high)
		}
	}
}

func TestIndicesAndRepeats(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	k, machine := newDesk(t, d)
	check(t, d.Write(t.Context(), func(tx *db.Tx) error {
		for i, v := range []struct {
			quantity string
			value    float64
		}{{"exposure_index", 400}, {"deviation_index", 1}, {"exposure_target", 320}, {"repeated", 1}} {
			if i == 0 {
				if _, err := tx.Exec(t.Context(), `insert into dose_study (site_id, study_uid, day, started, modality, machine_id, patient_id, sex, description, events, unassigned, not_patient, warnings)
					values ($1, '1.2', '2026-10-01', '', 'DX', $2, '', '', '', 1, 0, '', '')`, house, machine); err != nil {
					return err
				}
				if _, err := tx.Exec(t.Context(), `insert into dose_examination (site_id, study_uid, examination, day, started, machine_id, modality, exam_code, indication, known_by, assigned_by, mappings, name, name_source, events, excluded)
					values ($1, '1.2', '1', '2026-10-01', '', $2, 'DX', 'DX_CHEST_PA', '', '', '', '', '', '', 1, '')`, house, machine); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(t.Context(), `insert into dose_event_amount (site_id, study_uid, ordinal, quantity, examination, value, unit, part, class, basis)
				values ($1, '1.2', 1, $2, '1', $3, '1', '', 'report', 'reported')`, house, v.quantity, v.value); err != nil {
				return err
			}
		}
		return nil
	}))
	all, err := k.Indices(t.Context(), house, year)
	check(t, err)
	got := map[dose.Quantity][]float64{}
	for _, x := range all {
		got[x.Quantity] = x.Values
		if x.Exam != "DX_CHEST_PA" || x.Name == "" {
			t.Errorf("%+v", x)
		}
	}
	if diff := cmp.Diff(map[dose.Quantity][]float64{"exposure_index": {400}, "deviation_index": {1}, "exposure_target": {320}}, got); diff != "" {
		t.Error(diff)
	}
	b, err := k.Board(t.Context(), house, year, reject.Filter{})
	check(t, err)
	if len(b.Rooms) != 0 || len(b.Repeats) != 1 || b.Repeats[0].Told != 1 || b.Repeats[0].Repeated != 1 {
		t.Errorf("repeats of dose reports stand apart: %+v", b)
	}
}

func TestFacts(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	k, machine := newDesk(t, d)
	k.Archive = images{{machine, "2026-10", 3}}
	_, err := k.Import(t.Context(), house, "local", []byte(csv), layout(), false)
	check(t, err)
	q := evidence.Query{Site: house, From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	for _, f := range k.Facts() {
		v, err := f.Value(t.Context(), q)
		check(t, err)
		want := map[string][2]float64{"equipment.reject_rate": {2, 5}, "equipment.reject_recording": {1, 1}}[f.ID]
		if v.Numerator != want[0] || v.Denominator != want[1] {
			t.Errorf("%s: %v of %v", f.ID, v.Numerator, v.Denominator)
		}
		n := 0
		for c, err := range f.Cases(t.Context(), q) {
			check(t, err)
			if c.Counted {
				n++
			}
		}
		if float64(n) != want[0] {
			t.Errorf("%s: %d cases", f.ID, n)
		}
	}
}

func FuzzImport(f *testing.F) {
	for _, s := range []string{csv, "<a><b c='1'/></a>", "<Workbook><Worksheet><Table><Row Index='9'/></Table></Worksheet></Workbook>", "PK\x03\x04"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := reject.ReadLog(raw)
		if err != nil && !slices.Contains([]fault.Kind{fault.Invalid, fault.Exhausted, fault.Unsupported}, fault.Of(err)) {
			t.Fatalf("no error that can be answered: %v", err)
		}
		if err != nil {
			return
		}
		if _, err := json.Marshal(s.Lines); err != nil {
			t.Fatal(err)
		}
		l := layout()
		if _, err := l.Read(s, today()); err != nil && fault.Of(err) != fault.Invalid {
			t.Fatal(err)
		}
	})
}
