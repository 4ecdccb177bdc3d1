package dose_test

import (
	"bytes"
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
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/site"
)

// house is the site of these tests.
const house = site.Default

// today is the day on which these tests happen.
func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// A shelf is an archive in memory.
type shelf struct {
	mu   sync.Mutex
	all  map[uid.UID]*dicom.Dataset
	at   map[string]map[uid.UID]bool // of which site, where that matters
	fail map[uid.UID]error
	open func(uid.UID) // called before an object is handed out, nil for nothing
}

// Open implements dose.Objects.
func (s *shelf) Open(_ context.Context, _ string, sop uid.UID) (*dicom.File, io.Closer, error) {
	s.mu.Lock()
	d, err, hook := s.all[sop], s.fail[sop], s.open
	s.mu.Unlock()
	if hook != nil {
		hook(sop)
	}
	if err == nil && d == nil {
		err = fault.Errorf(fault.NotFound, "no instance %s", sop)
	}
	return &dicom.File{Dataset: d}, io.NopCloser(nil), err
}

// put keeps a data set.
func (s *shelf) put(d *dicom.Dataset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[d.UID(tag.SOPInstanceUID)] = d
}

// breaks makes an object fail to open from now on, and mends it with nil.
func (s *shelf) breaks(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[dosetest.UID(name)] = err
}

// A desk is a ledger with everything it needs, at work.
type desk struct {
	*dose.Ledger
	t        *testing.T
	db       *db.DB
	journal  *journal.Journal
	sites    *site.Register
	findings *finding.Register
	shelf    *shelf
	log      *lockedText
}

// A lockedText is what was logged.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newDesk opens a ledger in d and sets it to work until the test ends.
func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	return newDeskOf(t, d, func(*dose.Ledger) {})
}

// newDeskOf opens a ledger with more than it needs.
func newDeskOf(t *testing.T, d *db.DB, more func(*dose.Ledger)) *desk {
	t.Helper()
	k := &desk{t: t, db: d, shelf: &shelf{all: map[uid.UID]*dicom.Dataset{}, at: map[string]map[uid.UID]bool{}, fail: map[uid.UID]error{}}, log: &lockedText{}}
	var err error
	log := slog.New(slog.NewTextHandler(k.log, nil))
	k.journal, err = journal.Open(t.Context(), d, journal.Options{
		MasterKey: [32]byte{1}, Log: log, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond, Retry: 10 * time.Millisecond,
	})
	check(t, err)
	k.sites, err = site.Open(t.Context(), d, k.journal, today)
	check(t, err)
	k.findings, err = finding.Open(t.Context(), d, k.journal, today)
	check(t, err)
	check(t, d.Migrate(t.Context(), "access", access.Migrations()))
	check(t, d.Migrate(t.Context(), "dose", dose.Migrations()))
	library, err := content.Open()
	check(t, err)
	k.Ledger = &dose.Ledger{
		DB: d, Journal: k.journal, Content: library, Objects: k.shelf, Machines: k.sites,
		Reader: dose.Reader{Thresholds: dose.Defaults()}, Log: log, Now: today, Holder: "test",
		Person: func(issuer, id string) string { return issuer + "|" + id },
	}
	more(k.Ledger)
	k.work()
	return k
}

// work follows and derives until the test ends.
func (k *desk) work() {
	ctx, stop := context.WithCancel(k.t.Context())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{k.journal.Run, k.Run} {
		all.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				k.t.Errorf("background: %v", err)
			}
		})
	}
	k.t.Cleanup(func() { stop(); all.Wait() })
}

// check ends the test if something could not be done that it is not about.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// arrive lets reports arrive at a site.
func (k *desk) arrive(siteID string, all ...dosetest.Report) {
	k.t.Helper()
	var entries []journal.Entry
	for _, r := range all {
		d := dataset(k.t, r)
		k.shelf.put(d)
		raw, err := json.Marshal(map[string]string{"study": d.UID(tag.StudyInstanceUID).String(), "sop_class": r.SOPClass.String()})
		check(k.t, err)
		entries = append(entries, journal.Entry{
			Site: siteID, Actor: "ae:TEST", Kind: "archive.instance.stored", Subject: dosetest.UID(r.Instance).String(), Data: raw,
		})
	}
	check(k.t, k.db.Write(k.t.Context(), func(tx *db.Tx) error { return k.journal.Append(k.t.Context(), tx, entries...) }))
}

// dataset makes the data set of a report. A protocol may hold a number sign, which
// becomes a zero byte that no writer of ours would write.
func dataset(t *testing.T, r dosetest.Report) *dicom.Dataset {
	t.Helper()
	d, err := r.Dataset()
	check(t, err)
	if len(r.Events) == 0 || !strings.Contains(r.Events[0].Protocol, "#") {
		return d
	}
	var raw bytes.Buffer
	check(t, dicom.WriteFile(&raw, d, uid.ExplicitVRLittleEndian))
	f, err := dicom.Read(bytes.NewReader(bytes.ReplaceAll(raw.Bytes(), []byte("#"), []byte{0})), nil)
	check(t, err)
	return f.Dataset
}

// settle waits until everything that arrived is derived.
func (k *desk) settle() {
	k.t.Helper()
	check(k.t, k.journal.Wait(k.t.Context(), dose.Consumer))
	for range 3000 {
		n, err := k.Pending(k.t.Context())
		check(k.t, err)
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	k.t.Fatalf("still pending after 30 s; log: %s", k.log)
}

// receive lets reports arrive at the house and waits until they are derived.
func (k *desk) receive(all ...dosetest.Report) {
	k.t.Helper()
	k.arrive(house, all...)
	k.settle()
}

// approve says what a protocol means.
func (k *desk) approve(name, exam, indication string, by dose.KnownBy) dose.Mapping {
	k.t.Helper()
	m, err := k.Approve(k.t.Context(), dose.Mapping{
		Site: house, Name: name, Source: dose.FromProtocol, Exam: exam, Indication: indication, KnownBy: by, ApprovedBy: "local",
	})
	check(k.t, err)
	k.settle()
	return m
}

// overview returns the overview of days, every machine in a room of its own name.
func (k *desk) overview(from, to string) *dose.Overview {
	k.t.Helper()
	o, err := k.Overview(k.t.Context(), house, dose.Period{From: from, To: to}, inOneRoom)
	check(k.t, err)
	agrees(k.t, o)
	return o
}

// inOneRoom puts every machine into the same room.
func inOneRoom(string) string { return "room" }

// derived are the tables that rebuild makes anew, with the columns that matter.
var derived = []struct{ table, columns string }{
	{"dose_source", "source_id, study_uid, class, kind, problem, counted"},
	{"dose_study", `study_uid, day, started, modality, patient_id, sex, age_months, weight_kg, height_m, description,
		events, unassigned, dlp_declared, dlp_summed, not_patient, warnings`},
	{"dose_event", `study_uid, ordinal, event_key, event_uid, sop_instance_uid, examination, assigned_by, started, type,
		protocol, region, region_text, phantom, sequence, ctdivol_mgy, dlp_mgycm, packed`},
	{"dose_examination", `study_uid, examination, day, started, exam_code, indication, known_by, assigned_by, name, name_source,
		age_months, weight_kg, events, dlp_mgycm, excluded`},
	{"dose_flag", "study_uid, examination, flag, day, n"},
	{"dose_name", "folded, source, study_uid, examination, shown, day"},
	{"dose_total", "study_uid, quantity, part, total, declared, summed"},
	{"dose_amount", "study_uid, examination, quantity, value, unit, declared, summed, n_events, class, method, basis, exam_code, day, excluded"},
	{"dose_event_amount", "study_uid, ordinal, quantity, examination, value, unit, part, class, basis"},
}

// rows returns the derived rows of a site as text, in an order of their own.
func (k *desk) rows(siteID string) []string {
	k.t.Helper()
	var all []string
	for _, x := range derived {
		columns := len(strings.Split(x.columns, ","))
		list, err := db.List(k.t.Context(), k.db, func(r *db.Rows) (string, error) {
			values, into := make([]any, columns), make([]any, columns)
			for i := range values {
				into[i] = &values[i]
			}
			err := r.Scan(into...)
			for i, v := range values {
				if b, ok := v.([]byte); ok {
					values[i] = string(b)
				}
			}
			return fmt.Sprintf("%s %v", x.table, values), err
		}, "select "+x.columns+" from "+x.table+" where site_id = $1", siteID)
		check(k.t, err)
		all = append(all, list...)
	}
	slices.Sort(all)
	return all
}

// TestLedgerKeeps follows one report from its arrival to the tables.
func TestLedgerKeeps(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		r := dosetest.New("s1", "i1", "412.5", dosetest.Localizer("e1"), dosetest.Scan("e2", "10.1", "400.5"), dosetest.Scan("e3", "2", "12"))
		r.Header = func(b *dicom.Builder) { b.Text(tag.StudyDescription, "CT Abdomen") }
		k.receive(r)
		s, err := k.Study(t.Context(), house, dosetest.UID("s1").String())
		check(t, err)
		if s.Day != "2026-03-02" || s.Modality != "CT" || s.DLPDeclared == nil || *s.DLPDeclared != "412.5" || s.DLPSummed == nil || *s.DLPSummed != "412.5" {
			t.Errorf("study = %+v", s)
		}
		if len(s.Reports) != 1 || !s.Reports[0].Counted || s.Reports[0].Kind != "ct" || s.Reports[0].Problem != "" {
			t.Errorf("reports = %+v", s.Reports)
		}
		var got []string
		for _, e := range s.Events {
			got = append(got, fmt.Sprintf("%s %s %v sequence %v", e.Examination, *e.UID, e.DLP, e.Sequence))
		}
		want := []string{
			fmt.Sprintf("1 %s <nil> sequence false", dosetest.UID("e1")),
			fmt.Sprintf("1 %s 400.5 sequence true", dosetest.UID("e2")),
			fmt.Sprintf("1 %s 12 sequence true", dosetest.UID("e3")),
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if len(s.Items) != 1 || *s.Items[0].DLP != 412.5 || s.Items[0].Name != "Abdomen Routine" || *s.Items[0].AgeMonths != 540 || s.Items[0].Excluded != "" {
			t.Errorf("examinations = %+v", s.Items)
		}
		if started, err := k.Started(t.Context(), house); !started || err != nil {
			t.Errorf("Started = %v, %v", started, err)
		}
		first, ok, err := k.FirstReport(t.Context(), house)
		if err != nil || !ok || first.SOPInstance != dosetest.UID("i1").String() {
			t.Errorf("FirstReport = %+v, %v, %v", first, ok, err)
		}
		if days, err := k.Days(t.Context(), house); err != nil || days != (dose.Period{From: "2026-03-02", To: "2026-03-02"}) {
			t.Errorf("Days = %+v, %v", days, err)
		}
		if _, err := k.Study(t.Context(), house, "1.2.3"); fault.Of(err) != fault.NotFound {
			t.Errorf("a study nobody knows: %v; want NotFound", err)
		}
	})
}

// TestLedgerOrder lets the reports of one study arrive in every order, each at a
// site of its own: what is derived does not depend on it.
func TestLedgerOrder(t *testing.T) {
	one, two, three := dosetest.Scan("e1", "10", "100"), dosetest.Scan("e2", "20", "200"), dosetest.Scan("e3", "30", "300")
	three.Protocol = "Thorax"
	reports := []dosetest.Report{
		dosetest.New("s", "begun", "100", one),
		dosetest.New("s", "cumulative", "300", one, two),
		dosetest.New("s", "sent again under another UID", "300", one, two),
		dosetest.New("s", "continued", "300", three),
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		var orders [][]dosetest.Report
		for p := range permutations(reports) {
			orders = append(orders, p)
		}
		for i := range reports {
			for n, p := range orders {
				k.arrive(fmt.Sprintf("order-%d", n), p[i])
			}
			if i%2 == 1 { // derive what is half there too
				k.settle()
			}
		}
		want := k.rows("order-0")
		if len(want) < 10 {
			t.Fatalf("only %d rows: %v", len(want), want)
		}
		for n, p := range orders {
			if d := cmp.Diff(want, k.rows(fmt.Sprintf("order-%d", n))); d != "" {
				t.Fatalf("order %s: %s", instances(p), d)
			}
		}
		s, err := k.Study(t.Context(), "order-7", dosetest.UID("s").String())
		check(t, err)
		if len(s.Events) != 3 || s.DLPSummed == nil || *s.DLPSummed != "600" {
			t.Errorf("%d events, DLP %v; want each of three once, 600", len(s.Events), s.DLPSummed)
		}
		counted := map[string]bool{}
		for _, r := range s.Reports {
			counted[r.SOPInstance] = r.Counted
		}
		both := counted[dosetest.UID(reports[1].Instance).String()] != counted[dosetest.UID(reports[2].Instance).String()]
		if counted[dosetest.UID("begun").String()] || !counted[dosetest.UID("continued").String()] || !both {
			t.Errorf("counted = %v; want the continued one and one of the two that are equal", counted)
		}
	})
}

// instances names reports.
func instances(all []dosetest.Report) string {
	var names []string
	for _, r := range all {
		names = append(names, r.Instance)
	}
	return strings.Join(names, ", ")
}

// TestLedgerSetsAside is about what is no dose report of a patient, or none at all.
func TestLedgerSetsAside(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		phantom := dosetest.New("phantom", "phantom", "10", dosetest.Scan("p1", "1", "10"))
		phantom.PatientID = "PHANTOM-7"
		letter := dosetest.New("letter", "letter", "10", dosetest.Scan("l1", "1", "10"))
		letter.Tree = func(root *sr.Item) { root.Concept = dosetest.Concept("126000", "Imaging Measurement Report") }
		odd := dosetest.New("odd", "odd", "10", dosetest.Scan("o1", "1", "10"))
		odd.Events[0].Protocol, odd.Events[0].Serial, odd.Serial, odd.Model = "nothing#hidden", "A#1", "R#1", "Ring#64"
		odd.Software, odd.Station, odd.PatientID = "1#0", "C#T", "P#1"
		whole := dosetest.New("whole", "whole", "20", dosetest.Scan("w1", "1", "20"))
		image := dosetest.New("image", "image", "20", dosetest.Scan("x1", "1", "20"))
		image.SOPClass = uid.CTImageStorage
		k.receive(phantom, letter, odd, whole, image)

		for study, want := range map[string]string{"phantom": dose.ExcludedNotPatient, "whole": "", "odd": ""} {
			s, err := k.Study(t.Context(), house, dosetest.UID(study).String())
			if err != nil {
				t.Errorf("%s: %v; log: %s", study, err, k.log)
				continue
			}
			if len(s.Items) != 1 || s.Items[0].Excluded != want {
				t.Errorf("%s: %+v; want excluded %q", study, s.Items, want)
			}
		}
		for _, study := range []string{"letter", "image"} {
			if _, err := k.Study(t.Context(), house, dosetest.UID(study).String()); fault.Of(err) != fault.NotFound {
				t.Errorf("%s: %v; want no dose of it", study, err)
			}
		}
		var problem string
		check(t, d.QueryRow(t.Context(), `select problem from dose_source where source_id = $1`, dosetest.UID("letter").String()).Scan(&problem))
		if problem == "" {
			t.Error("it is not noted why the letter is no dose report")
		}
		names, err := k.Names(t.Context(), house, "2000-01-01")
		check(t, err)
		for _, n := range names {
			if n.Folded == "abdomen routine" && n.Examinations != 1 {
				t.Errorf("%+v: the phantom counts", n)
			}
		}
		if strings.Contains(k.log.String(), "CANARY") {
			t.Errorf("a patient in the log: %s", k.log)
		}
	})
}

// TestLedgerOneFails: what cannot be read now holds up nothing else, and is read
// when it can be.
func TestLedgerOneFails(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.shelf.breaks("a", fault.Errorf(fault.Unavailable, "the disk is away"))
		k.arrive(house, dosetest.New("a", "a", "1", dosetest.Scan("a1", "1", "1")))
		k.arrive(house, dosetest.New("b", "b", "1", dosetest.Scan("b1", "1", "1")))
		k.until("b is derived although a cannot be", func() bool {
			_, err := k.Study(t.Context(), house, dosetest.UID("b").String())
			return err == nil
		})
		if n, err := k.Pending(t.Context()); n != 1 || err != nil {
			t.Errorf("%d pending, %v; want the one that failed", n, err)
		}
		k.shelf.breaks("a", nil)
		k.settle()
		if _, err := k.Study(t.Context(), house, dosetest.UID("a").String()); err != nil {
			t.Error(err)
		}
	})
}

// until waits until something is so.
func (k *desk) until(what string, so func() bool) {
	k.t.Helper()
	for range 2000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	k.t.Fatalf("not within 20 s: %s; log: %s", what, k.log)
}

// TestLedgerAgain: what happens to a study while it is derived is not lost.
func TestLedgerAgain(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(dosetest.New("s", "i1", "1", dosetest.Scan("e1", "1", "1")))
		// The mapping is approved while the study is read once more: what was
		// known when reading began does not hold it.
		var once sync.Once
		k.shelf.mu.Lock()
		k.shelf.open = func(uid.UID) {
			once.Do(func() {
				_, err := k.Approve(context.WithoutCancel(t.Context()), dose.Mapping{
					Site: house, Name: "abdomen routine", Source: dose.FromProtocol, Exam: "CT_ABDOMEN", ApprovedBy: "local",
				})
				if err != nil {
					t.Errorf("approve: %v", err)
				}
			})
		}
		k.shelf.mu.Unlock()
		k.receive(dosetest.New("s", "i2", "2", dosetest.Scan("e2", "1", "2")))
		k.settle()
		s, err := k.Study(t.Context(), house, dosetest.UID("s").String())
		check(t, err)
		if len(s.Items) != 1 || s.Items[0].Exam != "CT_ABDOMEN" || len(s.Events) != 2 {
			t.Errorf("examinations = %+v; want the one of two events mapped", s.Items)
		}
	})
}

// TestLedgerFollowsTheSplit has a report be of another study, and of another patient, by a
// correction, and takes that back: what is derived follows.
func TestLedgerFollowsTheSplit(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		stays := dosetest.New("s", "stays", "100", dosetest.Scan("e1", "10", "100"))
		goes := dosetest.New("s", "goes", "200", dosetest.Scan("e2", "20", "200"))
		k.receive(stays, goes)
		before := k.rows(house)
		as := func(r dosetest.Report, studies ...string) {
			t.Helper()
			k.shelf.put(dataset(t, r))
			check(t, d.Write(t.Context(), func(tx *db.Tx) error {
				for _, s := range studies {
					if err := k.Erased(t.Context(), tx, house, dosetest.UID(s).String(), false); err != nil {
						return err
					}
				}
				return nil
			}))
			k.settle()
		}
		split := goes
		split.Study, split.PatientID = "split", "LEAK-4712"
		as(split, "split", "s")
		for study, want := range map[string]string{"s": "100", "split": "200"} {
			s, err := k.Study(t.Context(), house, dosetest.UID(study).String())
			check(t, err)
			if len(s.Reports) != 1 || s.DLPSummed == nil || *s.DLPSummed != want || len(s.Items) != 1 {
				t.Errorf("study %s = %+v; want %s mGy.cm", study, s, want)
			}
		}
		as(goes, "split", "s")
		if _, err := k.Study(t.Context(), house, dosetest.UID("split").String()); fault.Of(err) != fault.NotFound {
			t.Errorf("what was split off is still there: %v", err)
		}
		if d := cmp.Diff(before, k.rows(house)); d != "" {
			t.Errorf("after it was taken back: %s", d)
		}
		stays.PatientID, goes.PatientID = "LEAK-4713", "LEAK-4713" // corrected as a whole
		k.shelf.put(dataset(t, stays))
		as(goes, "s", "none of ours")
		var id string
		check(t, d.QueryRow(t.Context(), `select patient_id from dose_study`).Scan(&id))
		if id != "LEAK-4713" {
			t.Error("the study is still of the patient whom it was of before")
		}
	})
}
