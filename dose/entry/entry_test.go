package entry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/dose/entry"
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

// A shelf is an archive in memory.
type shelf struct {
	mu  sync.Mutex
	all map[uid.UID]*dicom.Dataset
}

// Open implements dose.Objects.
func (s *shelf) Open(_ context.Context, _ string, sop uid.UID) (*dicom.File, io.Closer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.all[sop]
	if d == nil {
		return nil, nil, fault.Errorf(fault.NotFound, "no instance")
	}
	return &dicom.File{Dataset: d}, io.NopCloser(nil), nil
}

// A desk is a book and a ledger with everything they need.
type desk struct {
	*entry.Book
	ledger  *dose.Ledger
	journal *journal.Journal
	shelf   *shelf
	t       *testing.T
}

// newDesk opens a book in d. Nothing works by itself: settle derives.
func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k := &desk{t: t, shelf: &shelf{all: map[uid.UID]*dicom.Dataset{}}}
	var err error
	log := slog.New(slog.DiscardHandler)
	k.journal, err = journal.Open(t.Context(), d, journal.Options{
		MasterKey: [32]byte{1}, Log: log, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond, Retry: 10 * time.Millisecond,
	})
	check(t, err)
	sites, err := site.Open(t.Context(), d, k.journal, today)
	check(t, err)
	check(t, d.Migrate(t.Context(), "access", access.Migrations()))
	check(t, d.Migrate(t.Context(), "dose", dose.Migrations()))
	check(t, d.Migrate(t.Context(), "entry", entry.Migrations()))
	library, err := content.Open()
	check(t, err)
	person := func(issuer, id string) string { return issuer + "|" + id }
	k.ledger = &dose.Ledger{
		DB: d, Journal: k.journal, Content: library, Objects: k.shelf, Machines: sites, Reader: dose.Reader{Thresholds: dose.Defaults()},
		Log: log, Now: today, Holder: "test", Person: person,
	}
	k.Book = &entry.Book{DB: d, Journal: k.journal, Content: library, Machines: sites, Ledger: k.ledger, Now: today, Person: person}
	k.ledger.Entries = k.Book
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{k.journal.Run, k.ledger.Run} {
		all.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("background: %v", err)
			}
		})
	}
	t.Cleanup(func() { stop(); all.Wait() })
	return k
}

// settle waits until everything is derived.
func (k *desk) settle() {
	k.t.Helper()
	check(k.t, k.journal.Wait(k.t.Context(), dose.Consumer))
	for range 3000 {
		n, err := k.ledger.Pending(k.t.Context())
		check(k.t, err)
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	k.t.Fatal("still pending after 30 s")
}

// arrive lets a report arrive.
func (k *desk) arrive(r dosetest.Report) {
	k.t.Helper()
	d, err := r.Dataset()
	check(k.t, err)
	k.shelf.mu.Lock()
	k.shelf.all[d.UID(tag.SOPInstanceUID)] = d
	k.shelf.mu.Unlock()
	raw, err := json.Marshal(map[string]string{"study": d.UID(tag.StudyInstanceUID).String(), "sop_class": r.SOPClass.String()})
	check(k.t, err)
	check(k.t, k.DB.Write(k.t.Context(), func(tx *db.Tx) error {
		return k.journal.Append(k.t.Context(), tx, journal.Entry{
			Site: house, Actor: "ae:TEST", Kind: "archive.instance.stored", Subject: dosetest.UID(r.Instance).String(), Data: raw,
		})
	}))
	k.settle()
}

// state returns everything that is derived, as text.
func (k *desk) state() []string {
	k.t.Helper()
	var all []string
	for _, q := range []string{
		`select 'study ' || study_uid || ' ' || day || ' ' || modality || ' ' || machine_id from dose_study order by study_uid`,
		`select 'exam ' || study_uid || ' ' || exam_code || ' ' || exam_from || ' ' || excluded from dose_examination order by study_uid, examination`,
		`select 'amount ' || study_uid || ' ' || quantity || ' ' || class || ' ' || method || ' ' || unit from dose_amount order by study_uid, quantity`,
		`select 'source ' || source_id || ' ' || study_uid || ' ' || class || ' ' || case when counted then 'counts' else 'not' end from dose_source order by source_id`,
		`select 'total ' || study_uid || ' ' || quantity || ' ' || part || ' ' || coalesce(total, '-') from dose_total order by study_uid, quantity, part`,
	} {
		list, err := db.List(k.t.Context(), k.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, q)
		check(k.t, err)
		all = append(all, list...)
	}
	return all
}

// lines returns the lines of state that begin with a word.
func (k *desk) lines(word string) (all []string) {
	for _, s := range k.state() {
		if rest, ok := strings.CutPrefix(s, word+" "); ok {
			all = append(all, rest)
		}
	}
	return all
}

// bedside is an examination of a room without electronic dose.
func bedside() entry.Record {
	return entry.Record{
		Station: "Mobile ICU", Day: "2026-10-03", Clock: "10:11", Exam: "DX_CHEST_PA", PatientID: "P-7", Sex: "F", Age: "61", Weight: "64,5",
		Values: []entry.Value{{Quantity: dose.QuantityDAP, Raw: "7,5", RawUnit: "cGy.cm2", Method: dose.MethodMeter}},
	}
}

// remCT is an export of OpenREM.
const remCT = `Patient ID,Institution,Manufacturer,Model name,Station name,Display name,Accession number,Operator,Study date,Study time,Date of birth,Age,Sex,Height,Mass (kg),Test patient?,Study description,Requested procedure,Study Comments,No. events,DLP total (mGy.cm),E1 Protocol,E1 Type,E1 CTDIvol,E1 DLP,E2 Protocol,E2 Type,E2 CTDIvol,E2 DLP
P-1,H,Example Scanners,Ring 64,CT1,CT one,A1,,2025-03-02,10:00:00,1980-01-01,45.2,F,1.68,70,None,Abdomen,CT abdomen,,2,512.5,Topogram,Constant Angle Acquisition,0.1,2.5,Abdomen Routine,Spiral Acquisition,12.4,510
P-2,H,Example Scanners,Ring 64,CT1,CT one,A2,,2025-03-02,11:00:00,1990-01-01,35,M,,,None,Head,CT head,,1,800,,,,
P-3,H,Example Scanners,Ring 64,CT1,CT one,A3,,2026-01-05,09:30:00,,12,O,,,True,QA,,,1,5,,,,
P-4,H,Example Scanners,Ring 64,CT1,CT one,A4,,32/13/2026,09:30:00,,12,O,,,,Neck,,,1,5,,,,
`

func openREM() entry.Layout { return entry.Layout{Product: entry.OpenREM, Release: "1.0.0"} }

func TestTypedInCountsWithItsMethod(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		e, wrong, err := k.Enter(t.Context(), house, "local", bedside())
		check(t, err)
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		k.settle()
		if diff := cmp.Diff([]string{e.Study + " dap manual dap_meter Gy.m2"}, k.lines("amount")); diff != "" {
			t.Error(diff)
		}
		if got := k.lines("exam"); len(got) != 1 || got[0] != e.Study+" DX_CHEST_PA entry " {
			t.Errorf("examination %q", got)
		}
		if got := k.lines("total"); !slices.Contains(got, e.Study+" dap_gym2  0.0000075") {
			t.Errorf("totals %q", got)
		}
		if _, _, err := k.Enter(t.Context(), house, "local", bedside()); fault.Of(err) != fault.Conflict {
			t.Errorf("entered twice: %v", err)
		}
		x := bedside()
		x.Values[0].Raw, x.Values[0].Method = "15", dose.MethodTubeOutput
		_, _, err = k.Correct(t.Context(), house, "local", e.ID, "misread", x)
		check(t, err)
		k.settle()
		if got := k.lines("amount"); len(got) != 1 || !strings.Contains(got[0], dose.MethodTubeOutput) {
			t.Errorf("after a correction %q", got)
		}
		o, err := k.ledger.OverviewOf(t.Context(), house, "DX", dose.Period{From: "2026-10-01", To: "2026-10-31"}, func(string) string { return "room" }, access.Quality)
		check(t, err)
		if len(o.Rows) != 1 || o.Rows[0].N != 1 || o.Rows[0].Calculated != 1 {
			t.Errorf("a median with a calculated value does not say so: %+v", o.Rows)
		}
		check(t, k.Withdraw(t.Context(), house, "local", e.ID, "another room"))
		k.settle()
		if got := k.state(); len(got) != 0 {
			t.Errorf("after it was withdrawn: %q", got)
		}
		steps, err := k.History(t.Context(), house, e.ID)
		check(t, err)
		var kinds []string
		for _, s := range steps {
			kinds = append(kinds, s.Kind)
		}
		if diff := cmp.Diff([]string{"entered", "corrected", "withdrawn"}, kinds); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWrongEntriesAreRefusedByRule(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		for name, c := range map[string]struct {
			edit func(*entry.Record)
			want entry.Wrong
		}{
			"a day to come":             {func(x *entry.Record) { x.Day = "2027-01-01" }, entry.Wrong{Column: "date", Rule: entry.WrongDay}},
			"a unit of something else":  {func(x *entry.Record) { x.Values[0].RawUnit = "mGy" }, entry.Wrong{Column: "dap", Rule: entry.WrongUnit}},
			"no unit":                   {func(x *entry.Record) { x.Values[0].RawUnit = "" }, entry.Wrong{Column: "dap", Rule: entry.WrongUnit}},
			"less than nothing":         {func(x *entry.Record) { x.Values[0].Raw = "-1" }, entry.Wrong{Column: "dap", Rule: entry.WrongNumber}},
			"an unknown way of knowing": {func(x *entry.Record) { x.Values[0].Method = "guess" }, entry.Wrong{Column: "dap", Rule: entry.WrongMethod}},
			"no machine":                {func(x *entry.Record) { x.Station = "" }, entry.Wrong{Column: "machine", Rule: entry.WrongMachine}},
			"an unknown examination":    {func(x *entry.Record) { x.Exam = "NONE" }, entry.Wrong{Column: "exam", Rule: entry.WrongExam}},
			"born afterwards":           {func(x *entry.Record) { x.Birth = "2026-10-04" }, entry.Wrong{Column: "birth_date", Rule: entry.WrongBirth}},
			"no quantity":               {func(x *entry.Record) { x.Values = nil }, entry.Wrong{Column: "quantity", Rule: entry.WrongQuantity}},
			"two kinds of examination": {func(x *entry.Record) {
				x.Values = append(x.Values, entry.Value{Quantity: dose.QuantityDLP, Raw: "1", RawUnit: "mGy.cm", Method: dose.MethodConsole})
			}, entry.Wrong{Column: "dlp", Rule: entry.WrongQuantity}},
		} {
			x := bedside()
			c.edit(&x)
			_, wrong, err := k.Enter(t.Context(), house, "local", x)
			if diff := cmp.Diff([]entry.Wrong{c.want}, wrong); diff != "" || err != nil {
				t.Errorf("%s: %v %s", name, err, diff)
			}
		}
	})
}

func TestImportTwiceIsOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		try, err := k.Import(t.Context(), house, "local", []byte(remCT), openREM(), true)
		check(t, err)
		want := []entry.Wrong{{Line: 4, Column: "Test patient?", Rule: entry.WrongTest}, {Line: 5, Column: "Study date", Rule: entry.WrongDay}}
		if diff := cmp.Diff(want, try.Told.Wrong); diff != "" {
			t.Error(diff)
		}
		if all, err := k.Batches(t.Context(), house); err != nil || len(all) != 0 {
			t.Fatalf("a dry run left %d imports, %v", len(all), err)
		}
		done, err := k.Import(t.Context(), house, "local", []byte(remCT), openREM(), false)
		check(t, err)
		k.settle()
		once := k.state()
		if done.Taken != 2 || try.Taken != 2 || len(k.lines("study")) != 2 {
			t.Errorf("taken %d, tried %d, studies %q", done.Taken, try.Taken, k.lines("study"))
		}
		if got := k.lines("total"); !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, " dlp_mgycm  512.5") }) {
			t.Errorf("totals %q", got)
		}
		if _, err := k.Import(t.Context(), house, "local", []byte(remCT), openREM(), false); fault.Of(err) != fault.Conflict {
			t.Errorf("the same file again: %v", err)
		}
		again, err := k.Import(t.Context(), house, "local", []byte(remCT+"\n"), openREM(), false)
		check(t, err)
		k.settle()
		if again.Taken != 0 || again.Told.Left[0].Rule != entry.WrongTwice {
			t.Errorf("the same rows in another file: %+v", again)
		}
		if diff := cmp.Diff(once, k.state()); diff != "" {
			t.Error(diff)
		}
		check(t, k.ledger.Rebuild(t.Context()))
		k.settle()
		if diff := cmp.Diff(once, k.state()); diff != "" {
			t.Errorf("a rebuild changed: %s", diff)
		}
		check(t, k.Undo(t.Context(), house, "local", done.Batch))
		k.settle()
		if got := k.state(); len(got) != 0 {
			t.Errorf("after it was undone: %q", got)
		}
	})
}

// original is the report of the first row of remCT.
func original() dosetest.Report {
	r := dosetest.New("s1", "i1", "512.5", dosetest.Scan("e1", "12.4", "510"))
	r.StudyDate, r.PatientID, r.Accession, r.PatientName = "20250302", "P-1", "A1", "Doe^J"
	return r
}

func TestReportReplacesImport(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		_, err := k.Import(t.Context(), house, "local", []byte(remCT), openREM(), false)
		check(t, err)
		k.settle()
		k.arrive(original())
		k.settle()
		study := dosetest.UID("s1").String()
		replaced := func() int {
			n := 0
			for _, s := range k.lines("source") {
				if strings.HasSuffix(s, study+" imported not") {
					n++
				}
			}
			return n
		}
		if replaced() != 1 || len(k.lines("study")) != 2 {
			t.Fatalf("sources %q studies %q", k.lines("source"), k.lines("study"))
		}
		whole := k.state()
		check(t, k.ledger.Rebuild(t.Context()))
		k.settle()
		if diff := cmp.Diff(whole, k.state()); diff != "" {
			t.Errorf("a rebuild changed: %s", diff)
		}
		batches, err := k.Batches(t.Context(), house)
		check(t, err)
		r, err := k.Reconcile(t.Context(), house, batches[0].ID)
		check(t, err)
		if len(r.Lines) != 3 || r.Lines[1].Ours != 2 || r.Lines[1].Theirs != 2 || r.Lines[1].Replaced != 1 {
			t.Errorf("reconciled %+v", r.Lines)
		}
		check(t, k.Sign(t.Context(), house, "local", batches[0].ID))
		if r, err = k.Reconcile(t.Context(), house, batches[0].ID); err != nil || !r.Holds() {
			t.Errorf("signed, and it does not hold: %v", err)
		}
		// The report goes: the import counts again.
		check(t, d.Write(t.Context(), func(tx *db.Tx) error { return k.ledger.Erased(t.Context(), tx, house, study, true) }))
		k.settle()
		if replaced() != 0 || len(k.lines("study")) != 2 {
			t.Errorf("without the report: sources %q studies %q", k.lines("source"), k.lines("study"))
		}
		if r, err = k.Reconcile(t.Context(), house, batches[0].ID); err != nil || r.Holds() {
			t.Errorf("what was signed changed, and holds: %v", err)
		}
	})
}

func TestEraseTakesRowsFromKeptFiles(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		_, err := k.Import(t.Context(), house, "local", []byte(remCT), openREM(), false)
		check(t, err)
		k.settle()
		for _, id := range []string{"P-1", "P-3"} { // the second stands in a row that was not taken
			who := access.Person{Site: house, ID: "|" + id}
			n := 0
			check(t, d.Write(t.Context(), func(tx *db.Tx) (err error) {
				if n, err = k.Erase(t.Context(), tx, who); err != nil {
					return err
				}
				_, err = k.ledger.Erase(t.Context(), tx, who)
				return err
			}))
			if n != 1 {
				t.Errorf("%s: erased %d", id, n)
			}
		}
		k.settle()
		var raw []byte
		check(t, d.QueryRow(t.Context(), `select content from dose_entry_batch`).Scan(&raw))
		if s := string(raw); strings.Contains(s, "P-1") || strings.Contains(s, "P-3") || !strings.Contains(s, "P-2") {
			t.Errorf("kept file: %q", s)
		}
		check(t, k.ledger.Rebuild(t.Context()))
		k.settle()
		if got := k.lines("study"); len(got) != 1 {
			t.Errorf("after a rebuild: %q", got)
		}
		people, err := k.Persons(t.Context(), d)
		check(t, err)
		if diff := cmp.Diff([]access.Person{{Site: house, ID: "|P-2"}}, people); diff != "" {
			t.Error(diff)
		}
	})
}

func TestKindsOfExports(t *testing.T) {
	for name, c := range map[string]struct{ table, want string }{
		"fluoroscopy": {
			"Display name,Accession number,Study date,Study time,A DAP total (Gy.m^2),A Dose RP total (Gy),A Fluoro DAP total (Gy.m^2),A Fluoro duration total (s),A Acq. DAP total (Gy.m^2),B DAP total (Gy.m^2)\nLab,F1,2025-01-02,08:00,0.0012,0.3,0.0004,95,0.0008,\n",
			"dap=0.0012 dap_acquisition=0.0008 dap_fluoro=0.0004 fluoro_time=95 rp=0.3",
		},
		"radiography": {
			"Display name,Accession number,Study date,Study time,DAP total (cGy.cm^2)\nBucky,D1,2025-01-02,08:00,12\n", "dap=0.000012",
		},
		"mammography, a row for each view": {
			"Display name,Accession number,Study date,Study time,View,Laterality,AGD\nMammo,M1,2025-01-02,08:00,CC,Left,1.2\nMammo,M1,2025-01-02,08:00,CC,Right,1.3\n",
			"agd=2.5 agd_left=1.2 agd_right=1.3 images=-",
		},
		"mammography, a row for each study": {
			"Display name,Accession number,Study date,Study time,E1 View,E1 Laterality,E1 AGD,E2 View,E2 Laterality,E2 AGD\nMammo,M1,2025-01-02,08:00,CC,Left,1.2,CC,Right,1.3\n",
			"agd=2.5 agd_left=1.2 agd_right=1.3 images=-",
		},
		"nuclear medicine": {
			"Display name,Accession number,Study date,Study time,Radiopharmaceutical Agent,Radionuclide,Administered activity (MBq)\nGamma,N1,2025-01-02,08:00,MDP,99m Technetium,612.5\n",
			"activity=612.5",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				done, err := k.Import(t.Context(), house, "local", []byte(c.table), openREM(), false)
				check(t, err)
				if len(done.Told.Wrong) > 0 || done.Taken != 1 {
					t.Fatalf("%+v", done)
				}
				k.settle()
				list, err := db.List(t.Context(), d, func(r *db.Rows) (s string, err error) {
					var v float64
					var class string
					if err = r.Scan(&s, &v, &class); class != "imported" {
						t.Errorf("%s is %s", s, class)
					}
					return fmt.Sprintf("%s=%v", s, v), err
				}, `select quantity, value, class from dose_amount order by quantity`)
				check(t, err)
				want := strings.Replace(c.want, " images=-", "", 1)
				got := strings.Join(list, " ")
				for w := range strings.FieldsSeq(want) {
					if w == "dap=0.000012" {
						w = "dap=1.2e-05"
					}
					if !strings.Contains(" "+got+" ", " "+w+" ") {
						t.Errorf("%q lacks %s", got, w)
					}
				}
			})
		})
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(remCT), true)
	f.Add([]byte("date;dap;dap_unit;method;machine\n2026-01-02;7,5;cGy.cm2;dap_meter;X\n"), false)
	f.Add([]byte("PK\x03\x04"), true)
	f.Add([]byte("\ufeffdate\tdlp\n\"a\nb\"\t1\n"), false)
	f.Fuzz(func(t *testing.T, raw []byte, rem bool) {
		l := entry.Layout{}
		if rem {
			l = openREM()
		}
		lines, err := entry.Lines(raw, l)
		if err != nil && fault.Of(err) == fault.Internal {
			t.Error(err)
		}
		for i := 1; i < len(lines); i++ {
			if lines[i] <= lines[i-1] {
				t.Errorf("rows out of order: %v", lines)
			}
		}
	})
}
