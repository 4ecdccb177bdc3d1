package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/demo"
	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// until is the last day of the years that are tested: the change of levels on
// 1 July 2026 lies within.
var until = time.Date(2026, time.November, 21, 0, 0, 0, 0, time.UTC)

// shelf is an archive in memory.
type shelf map[uid.UID][]byte

func (s shelf) Open(_ context.Context, _ string, sop uid.UID) (*dicom.File, io.Closer, error) {
	data, ok := s[sop]
	if !ok {
		return nil, nil, fault.Errorf(fault.NotFound, "no instance %s", sop)
	}
	f, err := dicom.ReadDataset(bytes.NewReader(data), uid.ExplicitVRLittleEndian, nil)
	return f, io.NopCloser(nil), err
}

// A house is a year as the dose ledger has read it, with what the department has
// decided.
type house struct {
	*dose.Ledger
	*dose.Overview
	t     *testing.T
	names map[string]string // of rooms, by machine
}

// load loads a year as the program does: what arrives is journalled, dose reads it,
// and the decisions are made in the name of the demonstration.
func load(t *testing.T, y *demo.Year) *house {
	t.Helper()
	ctx := t.Context()
	d := dbtest.Open(t, dbtest.SQLite(t))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	j, err := journal.Open(ctx, d, journal.Options{MasterKey: [32]byte{1}})
	must(err)
	register, err := site.Open(ctx, d, j, time.Now)
	must(err)
	must(d.Migrate(ctx, "access", access.Migrations()))
	must(d.Migrate(ctx, "dose", dose.Migrations()))
	objects := shelf{}
	l := &dose.Ledger{
		DB: d, Journal: j, Content: y.Content, Objects: objects, Machines: register,
		Reader: dose.Reader{Thresholds: dose.Defaults()}, Log: slog.New(slog.DiscardHandler), Now: time.Now, Holder: "test",
	}
	decide(t, l, y.Content)
	var entries []journal.Entry
	for o, err := range y.Objects(ctx) {
		must(err)
		if _, again := objects[o.SOPInstance]; again {
			continue
		}
		objects[o.SOPInstance] = o.Data
		data, err := json.Marshal(map[string]string{"study": o.Study.String(), "sop_class": o.SOPClass.String()})
		must(err)
		entries = append(entries, journal.Entry{
			Site: site.Default, Actor: o.AETitle, Kind: "archive.instance.stored", Subject: o.SOPInstance.String(), Data: data,
		})
	}
	for part := range slices.Chunk(entries, 500) {
		must(d.Write(ctx, func(tx *db.Tx) error { return j.Append(ctx, tx, part...) }))
	}
	derive(t, l, j)
	h := &house{Ledger: l, t: t, names: map[string]string{}}
	plan, err := register.Plan(ctx, d, site.Default)
	must(err)
	decided, err := demo.Decided(y.Content)
	must(err)
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			for _, r := range decided.Rooms {
				if r.Serial == m.Serial {
					h.names[m.ID] = r.Name
				}
			}
		}
	}
	h.Overview, err = l.Overview(ctx, site.Default, dose.Last(12, y.Until), func(machine string) string { return h.names[machine] })
	must(err)
	return h
}

// decide makes the decisions of the department.
func decide(t *testing.T, l *dose.Ledger, library *content.Library) {
	t.Helper()
	decided, err := demo.Decided(library)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range decided.Mappings {
		_, err := l.Approve(t.Context(), dose.Mapping{
			Site: site.Default, Name: m.Name, Source: dose.NameSource(m.Source), Exam: m.Exam,
			Indication: m.Indication, KnownBy: dose.KnownBy(m.KnownBy), ApprovedBy: demo.Actor,
		})
		if err != nil {
			t.Fatalf("approve %s: %v", m.Name, err)
		}
	}
	for _, g := range decided.Governing {
		_, err := l.Govern(t.Context(), dose.Governing{
			Site: site.Default, Set: g.Set, Exam: g.Exam, From: g.From, To: g.To, DecidedBy: demo.Actor, Note: g.Note,
		})
		if err != nil {
			t.Fatalf("govern %s: %v", g.Set, err)
		}
	}
}

// derive lets the ledger read what is in the journal.
func derive(t *testing.T, l *dose.Ledger, j *journal.Journal) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- j.Run(ctx) }()
	go func() { done <- l.Run(ctx) }()
	defer func() {
		cancel()
		<-done
		<-done
	}()
	if err := j.Wait(ctx, dose.Consumer); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := l.Pending(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// row returns the row of adults of a room and examination.
func (h *house) row(room, exam, indication string, known dose.KnownBy, m dose.Measure) *dose.Row {
	h.t.Helper()
	for _, r := range h.Rows {
		if r.Room == room && r.Exam == exam && r.Indication == indication && r.KnownBy == known && r.Measure == m && r.Group.Adult() {
			return r
		}
	}
	h.t.Fatalf("no row %s, %s, %s, %s, %s", room, exam, indication, known, m)
	return nil
}

// studies returns what is known about the studies of a description, by how their
// examinations or events came in.
func (h *house) studies(description string) []*dose.StoredStudy {
	h.t.Helper()
	uids, err := db.List(h.t.Context(), h.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_uid from dose_study where description = $1 order by study_uid`, description)
	if err != nil {
		h.t.Fatal(err)
	}
	var all []*dose.StoredStudy
	for _, u := range uids {
		s, err := h.Study(h.t.Context(), site.Default, u)
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		h.t.Fatalf("no study described %q", description)
	}
	return all
}

// TestStories holds every row of demo/story against what dose makes of the small
// year, whatever the seed.
func TestStories(t *testing.T) {
	library := open(t)
	for _, seed := range []uint64{demo.Seed, 1} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			h := load(t, &demo.Year{Content: library, Seed: seed, Until: until, Size: demo.Small})
			all, err := demo.Stories(library)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				check, ok := checks[s.ID]
				if !ok {
					t.Errorf("story %s has no check", s.ID)
					continue
				}
				t.Run(s.ID, func(t *testing.T) {
					h := *h
					h.t = t
					check(t, &h, s)
				})
			}
			if len(all) != len(checks) {
				t.Errorf("%d stories, %d checks", len(all), len(checks))
			}
		})
	}
}

const dlp, ctdivol = dose.MeasureDLP, dose.MeasureCTDIvol

// checks are the stories as a script would check them.
var checks = map[string]func(*testing.T, *house, demo.Story){
	"drift": func(t *testing.T, h *house, s demo.Story) {
		r := h.row(s.Room, s.Exam, "", "", dlp)
		months := h.Months(r)
		above := func(some []dose.Month) (n int) {
			for _, m := range some {
				if m.Median > m.Level.Value {
					n++
				}
			}
			return n
		}
		if first, last := above(months[:4]), above(months[len(months)-4:]); first > 1 || last < 3 || !r.Above {
			t.Errorf("above the level in %d of the first four months and %d of the last, year %s", first, last, r.State)
		}
	},
	"room_above": func(t *testing.T, h *house, s demo.Story) {
		r, other := h.row(s.Room, s.Exam, "", "", dlp), h.row("CT 1", s.Exam, "", "", dlp)
		states := h.Periods(r)
		if r.State != dose.AboveCertain || other.State != dose.AtOrBelow || !h.Settings.ConsistentlyAbove(states) {
			t.Errorf("%s %s, half-years %v; CT 1 %s", s.Room, r.State, states, other.State)
		}
	},
	"quarter_gap": func(t *testing.T, h *house, s demo.Story) {
		months := map[string]map[string]int{s.Room: {}, "CT 1": {}}
		for i := range h.All() {
			if counted, ok := months[i.Room]; ok {
				counted[i.Day[:7]]++
			}
		}
		for month, want := range map[string]bool{"2026-03": true, "2026-04": false, "2026-05": false, "2026-06": false, "2026-07": true} {
			if got := months[s.Room][month] > 0; got != want || months["CT 1"][month] == 0 {
				t.Errorf("%s: %d in %s, %d in CT 1", month, months[s.Room][month], s.Room, months["CT 1"][month])
			}
		}
	},
	"wrong_phantom": func(t *testing.T, h *house, s demo.Story) {
		r, other := h.row(s.Room, s.Exam, s.Indication, dose.KnownBy(s.KnownBy), ctdivol), h.row("CT 1", s.Exam, s.Indication, dose.KnownBy(s.KnownBy), ctdivol)
		if ratio := r.Median / other.Median; ratio < 0.4 || ratio > 0.6 || !slices.Contains(r.Notes, dose.LowCheck) {
			t.Errorf("median %.1f and %.1f, notes %v", r.Median, other.Median, r.Notes)
		}
		for _, row := range []*dose.Row{r, other} {
			study, err := h.Study(t.Context(), site.Default, latest(row).Study)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"CT 1": "head16", "CT 2": "body32"}[row.Room]
			for _, e := range study.Events {
				if *e.Protocol == s.Name && (e.Phantom == nil || *e.Phantom != want) {
					t.Errorf("%s: phantom %v; want %s", row.Room, e.Phantom, want)
				}
			}
		}
	},
	"no_size": func(t *testing.T, h *house, s demo.Story) {
		for _, r := range h.Rows {
			switch {
			case !r.Group.Adult():
			case r.Room == s.Room && r.SizeUnknown != r.Examinations:
				t.Errorf("%s: size unknown %d of %d", r.Exam, r.SizeUnknown, r.Examinations)
			case r.Room == "CT 1" && r.Examinations > 20 && r.SizeUnknown*10 > r.Examinations+10:
				t.Errorf("CT 1, %s: size unknown %d of %d", r.Exam, r.SizeUnknown, r.Examinations)
			}
		}
	},
	"unmapped": func(t *testing.T, h *house, s demo.Story) {
		names, err := h.Names(t.Context(), site.Default, h.From)
		if err != nil {
			t.Fatal(err)
		}
		names = slices.DeleteFunc(names, func(n dose.NameUse) bool { return n.Modality != "CT" }) // the other rooms have names of their own
		// Protocol and requested procedure of one examination stand side by side.
		if names[0].Text != s.Name && names[1].Text != s.Name || names[0].Unmapped < 20 || h.Unmapped < names[0].Unmapped {
			t.Errorf("first names %v, %v; %d examinations unmapped", names[0], names[1], h.Unmapped)
		}
	},
	"split": func(t *testing.T, h *house, s demo.Story) {
		for _, x := range h.studies(s.Name) {
			var exams []string
			for _, i := range x.Items {
				exams = append(exams, i.Exam+" "+i.AssignedBy)
			}
			slices.Sort(exams)
			if len(x.Reports) < 2 || !slices.Equal(exams, []string{"CT_CSPINE accession", "CT_HEAD accession"}) {
				t.Errorf("%d reports, examinations %v", len(x.Reports), exams)
			}
		}
	},
	"inseparable": func(t *testing.T, h *house, s demo.Story) {
		for _, x := range h.studies(s.Name) {
			if len(x.Items) > 0 || len(x.Events) == 0 || x.Events[0].Examination != "" {
				t.Errorf("%d examinations, %d events", len(x.Items), len(x.Events))
			}
		}
		if h.Unassigned == 0 {
			t.Error("no event is unassigned")
		}
	},
	"superseded": func(t *testing.T, h *house, s demo.Story) {
		levels := map[string]*dose.Level{}
		for _, m := range h.Months(h.row(s.Room, s.Exam, "", "", dlp)) {
			levels[m.Month] = m.Level
		}
		before, after := levels["2026-06"], levels["2026-07"]
		if before == nil || after == nil || before.Set.ID != "dose/level/demo_2024" || after.Set.ID != "dose/level/demo_2025" || after.Value >= before.Value {
			t.Errorf("June %v, July %v", before, after)
		}
	},
	"phantom_studies": func(t *testing.T, h *house, s demo.Story) {
		for _, x := range h.studies("Weekly constancy") {
			if x.NotPatient != "phantom*" || x.Items[0].Excluded != dose.ExcludedNotPatient || *x.Events[0].Protocol != s.Name {
				t.Errorf("pattern %q, excluded %q, protocol %q", x.NotPatient, x.Items[0].Excluded, *x.Events[0].Protocol)
			}
		}
	},
	"cumulative": func(t *testing.T, h *house, _ demo.Story) {
		several := 0
		for i := range h.All() {
			x, err := h.Study(t.Context(), site.Default, i.Study)
			if err != nil {
				t.Fatal(err)
			}
			if len(x.Reports) < 2 || len(x.Items) > 1 {
				continue
			}
			several++
			counted := 0
			for _, r := range x.Reports {
				if r.Counted {
					counted++
				}
			}
			if counted != 1 || *x.DLPDeclared != *x.DLPSummed {
				t.Errorf("%s: %d of %d reports count; declared %s, summed %s", x.UID, counted, len(x.Reports), *x.DLPDeclared, *x.DLPSummed)
			}
		}
		if several < 5 {
			t.Errorf("%d studies with several reports", several)
		}
	},
	"assumed": func(t *testing.T, h *house, s demo.Story) {
		for _, room := range []string{"CT 1", "CT 2"} {
			if r := h.row(room, s.Exam, s.Indication, dose.KnownByAssumed, dlp); r.State != dose.NotCompared {
				t.Errorf("%s: %s; want not compared", room, r.State)
			}
		}
		if r := h.row("CT 1", s.Exam, s.Indication, dose.KnownByProtocol, dlp); r.State == dose.NotCompared || r.State == dose.NoLevel {
			t.Errorf("the stroke protocol is %s", r.State)
		}
	},
}

// latest returns the latest examination of a row.
func latest(r *dose.Row) *dose.Item {
	for i := range r.All() {
		return i
	}
	return &dose.Item{}
}
