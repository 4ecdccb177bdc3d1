package view_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/review"
	"radagora/dose/view"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

const house = site.Default

// A desk is a shelf with what it needs.
type desk struct {
	*view.Shelf
	t   *testing.T
	d   *db.DB
	now time.Time
}

func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k := &desk{t: t, d: d, now: time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC)}
	now := func() time.Time { return k.now }
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, now)
	check(t, err)
	_, err = access.Open(t.Context(), d, now)
	check(t, err)
	check(t, d.Migrate(t.Context(), "dose", dose.Migrations()))
	check(t, d.Migrate(t.Context(), "review", review.Migrations()))
	check(t, d.Migrate(t.Context(), "doseview", view.Migrations()))
	k.Shelf = &view.Shelf{DB: d, Journal: j, Site: sites.Site, Now: now, Folder: t.TempDir()}
	return k
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// as is somebody with roles.
func as(t *testing.T, id string, roles ...access.Role) context.Context {
	return access.With(t.Context(), access.Who{ID: id, Grants: access.Everywhere(roles...)})
}

func of(name string) view.Saved {
	return view.Saved{Site: house, Name: name, Shows: view.Examinations, Filter: url.Values{"modality": {"CT"}, "room": {"r1"}}, Columns: []string{"exam_code", "dlp_mgycm"}}
}

// TestViewsBelongToSomebody: others see a view only by its role, and change none of it.
func TestViewsBelongToSomebody(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		ann, bob, adam := as(t, "ann", access.Physicist), as(t, "bob", access.Physicist), as(t, "adam", access.Administrator)
		own, err := k.Save(ann, of("  CT   of room 1 "))
		check(t, err)
		names := func(ctx context.Context) (all []string) {
			list, err := k.List(ctx, house, "")
			check(t, err)
			for _, v := range list {
				all = append(all, v.Name)
			}
			return all
		}
		if got := names(ann); !slices.Equal(got, []string{"CT of room 1"}) {
			t.Errorf("ann sees %q", got)
		}
		if got := names(bob); len(got) > 0 {
			t.Errorf("bob sees a private view: %q", got)
		}
		if _, err := k.Get(bob, house, own.ID); fault.Of(err) != fault.NotFound {
			t.Errorf("bob opens a private view: %v", err)
		}
		own.Shared = string(access.Physicist)
		own, err = k.Save(ann, own)
		check(t, err)
		got, err := k.Get(bob, house, own.ID)
		check(t, err)
		if got.Filter.Encode() != "modality=CT&room=r1" || !slices.Equal(got.Columns, []string{"exam_code", "dlp_mgycm"}) {
			t.Errorf("kept as %v %v", got.Filter, got.Columns)
		}
		if _, err := k.Save(bob, got); fault.Of(err) != fault.Forbidden {
			t.Errorf("bob changes what is ann's: %v", err)
		}
		if err := k.Delete(bob, house, own.ID); fault.Of(err) != fault.Forbidden {
			t.Errorf("bob deletes what is ann's: %v", err)
		}
		if len(names(adam)) != 0 {
			t.Error("an administrator is no physicist")
		}
		if _, err := k.Save(ann, of("CT of room 1")); fault.Of(err) != fault.Conflict {
			t.Errorf("the same name twice: %v", err)
		}
		check(t, k.Begin(bob, house, own.ID))
		if v, ok, err := k.First(bob, house); err != nil || !ok || v.ID != own.ID {
			t.Errorf("bob begins with %v, %v, %v", v.ID, ok, err)
		}
		check(t, k.Delete(ann, house, own.ID))
		if _, ok, err := k.First(bob, house); err != nil || ok {
			t.Errorf("bob begins with a deleted view: %v, %v", ok, err)
		}
	})
}

// TestViewsRefused: what cannot be a view says why.
func TestViewsRefused(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	ctx := as(t, "ann", access.Physicist)
	for name, change := range map[string]func(*view.Saved){
		"no name":                   func(v *view.Saved) { v.Name = " " },
		"a name like a book":        func(v *view.Saved) { v.Name = strings.Repeat("x", 101) },
		"nothing that can be shown": func(v *view.Saved) { v.Shows = "patients" },
		"a filter of another table": func(v *view.Saved) { v.Filter = url.Values{"patient": {"4711"}} },
		"a column in SQL":           func(v *view.Saved) { v.Columns = []string{"a; drop table site"} },
		"a column twice":            func(v *view.Saved) { v.Columns = []string{"day", "day"} },
		"shared with patients":      func(v *view.Saved) { v.Shared = string(access.Patient) },
	} {
		v := of("x")
		change(&v)
		if _, err := k.Save(ctx, v); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f := view.Filter(view.Cases, url.Values{"show": {"all"}, "batch": {"b"}}); f.Encode() != "show=all" {
		t.Errorf("filter of cases is %v", f)
	}
}

// TestCopies: a file is there whole or not at all, once in its interval, and what failed
// is known and tried again.
func TestCopies(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		ctx := as(t, "ann", access.Physicist)
		v, err := k.Save(ctx, of("Köln: CT/1"))
		check(t, err)
		check(t, k.Order(ctx, house, v.ID, view.Daily, "csv"))
		fail := errors.New("made up")
		write := func(_ context.Context, _ view.Saved, _ string, w io.Writer) error {
			_, err := io.WriteString(w, "half")
			return errors.Join(err, fail)
		}
		files := func() []string {
			all, err := filepath.Glob(filepath.Join(k.Folder, "*"))
			check(t, err)
			hidden, err := filepath.Glob(filepath.Join(k.Folder, ".*"))
			check(t, err)
			return append(all, hidden...)
		}
		check(t, k.Turn(t.Context(), house, write))
		c, err := k.Copies(t.Context(), house)
		check(t, err)
		if len(files()) != 0 || c[0].FailedAt == 0 || !c[0].Late(k.now) {
			t.Fatalf("after a failure: files %v, %+v", files(), c[0])
		}
		fail = nil
		check(t, k.Turn(t.Context(), house, write))
		want := filepath.Join(k.Folder, "k-ln-ct-1-"+v.ID[len(v.ID)-6:]+"-2026-11-22.csv")
		if got := files(); !slices.Equal(got, []string{want}) {
			t.Fatalf("files %v; want %s", got, want)
		}
		if raw, err := os.ReadFile(want); err != nil || string(raw) != "half" {
			t.Errorf("%q, %v", raw, err)
		}
		check(t, os.Remove(want))
		check(t, k.Turn(t.Context(), house, write))
		if len(files()) != 0 {
			t.Error("it was made twice on one day")
		}
		k.now = k.now.AddDate(0, 0, 1)
		check(t, k.Turn(t.Context(), house, write))
		if len(files()) != 1 {
			t.Error("no copy on the next day")
		}
		check(t, os.RemoveAll(k.Folder))
		if _, err := k.Run(t.Context(), house, v.ID, write); fault.Of(err) != fault.Unavailable {
			t.Errorf("without its folder: %v", err)
		}
		k.Folder = ""
		if err := k.Order(ctx, house, v.ID, view.Daily, "csv"); fault.Of(err) != fault.Invalid {
			t.Errorf("without a folder in the settings: %v", err)
		}
	})
}

// TestBrokenOff: what a server left of a copy it did not finish goes, and nothing else does.
func TestBrokenOff(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		old, young := k.now.Add(-25*time.Hour), k.now.Add(-time.Hour)
		for name, at := range map[string]time.Time{
			".radagora-123456": old, ".radagora-654321": young, ".radagora-settings": old, ".radagora-": old, ".other-1": old, "ct-2026-11-20.csv": old,
		} {
			path := filepath.Join(k.Folder, name)
			check(t, os.WriteFile(path, []byte("half"), 0o600))
			check(t, os.Chtimes(path, at, at))
		}
		check(t, os.Mkdir(filepath.Join(k.Folder, ".radagora-777"), 0o750))
		check(t, os.Chtimes(filepath.Join(k.Folder, ".radagora-777"), old, old))
		check(t, k.Turn(t.Context(), house, nil))
		all, err := os.ReadDir(k.Folder)
		check(t, err)
		var left []string
		for _, e := range all {
			left = append(left, e.Name())
		}
		if want := []string{".other-1", ".radagora-", ".radagora-654321", ".radagora-777", ".radagora-settings", "ct-2026-11-20.csv"}; !slices.Equal(left, want) {
			t.Errorf("left are %v; want %v", left, want)
		}
		check(t, os.RemoveAll(k.Folder))
		check(t, k.Turn(t.Context(), house, nil))
	})
}

// TestPrograms: the views are made, made again when they are gone, and hold what tables do.
func TestPrograms(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		check(t, k.Define(t.Context()))
		check(t, k.Define(t.Context()))
		library, err := content.Open()
		check(t, err)
		levels, err := dose.Levels(library, house)
		check(t, err)
		check(t, k.Learn(t.Context(), house, []view.Place{{Machine: "m1", Room: "r1", Name: "CT 1"}}, levels))
		check(t, d.Write(t.Context(), func(tx *db.Tx) error {
			for _, q := range []string{
				`insert into dose_study (site_id, study_uid, day, started, modality, machine_id, patient_id, sex, description, events, unassigned, not_patient, warnings, person)
					values ('default', '1.2', '2026-03-01', '2026-03-01T10:00:00', 'RF', 'm1', 'LEAK^CANARY', 'F', '', 1, 0, '', '[]', 'p1')`,
				`insert into dose_examination (site_id, study_uid, examination, day, started, machine_id, modality, exam_code, indication, known_by, assigned_by, mappings, name, name_source, events, excluded)
					values ('default', '1.2', 'a', '2026-03-01', '2026-03-01T10:00:00', 'm1', 'RF', 'RF_X', '', '', 'study', '', 'Angio', 'protocol', 1, '')`,
				`insert into dose_amount (site_id, study_uid, examination, quantity, value, unit, n_events, class, method, basis, exam_code, machine_id, day, excluded)
					values ('default', '1.2', 'a', 'dap', 0.0025, 'Gy.m2', 1, 'image', 'summed', 'reported', 'RF_X', 'm1', '2026-03-01', '')`,
				`insert into dose_event (site_id, study_uid, ordinal, event_key, event_uid, sop_instance_uid, examination, assigned_by, started, type, protocol, region, region_text, phantom, sequence)
					values ('default', '1.2', 1, 'k', '1.2.3', '1.2.4', 'a', 'study', '', '', 'Angio', '', '', '', false)`,
				`insert into dose_event_amount (site_id, study_uid, ordinal, quantity, examination, value, unit, part, class, basis)
					values ('default', '1.2', 1, 'dap', 'a', 0.0025, 'Gy.m2', 'A', 'image', 'reported')`,
			} {
				if _, err := tx.Exec(t.Context(), q); err != nil {
					return err
				}
			}
			return nil
		}))
		var room, exam, class, part string
		var dap, each float64
		check(t, d.QueryRow(t.Context(), `select room, exam_code, provenance, dap_gym2 from v_examination where site_id = 'default'`).Scan(&room, &exam, &class, &dap))
		check(t, d.QueryRow(t.Context(), `select part, dap_gym2 from v_event where modality = 'RF'`).Scan(&part, &each))
		if room != "CT 1" || exam != "RF_X" || class != "image" || dap != 0.0025 || part != "A" || each != 0.0025 {
			t.Errorf("v_examination %q %q %q %v; v_event %q %v", room, exam, class, dap, part, each)
		}
		var n int
		check(t, d.QueryRow(t.Context(), `select count(*) from v_level`).Scan(&n))
		if n != len(levels) || n == 0 {
			t.Errorf("%d levels in v_level, %d in content", n, len(levels))
		}
		check(t, d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `drop view v_event`)
			return err
		}))
		check(t, k.Define(t.Context()))
		check(t, d.QueryRow(t.Context(), `select count(*) from v_event`).Scan(&n))
		check(t, d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `insert into access_wish (site_id, person, wish, since, until, reason, made_by) values ('default', 'p1', 'restricted', 1, 0, '', 'x')`)
			return err
		}))
		check(t, d.QueryRow(t.Context(), `select (select count(*) from v_examination) + (select count(*) from v_event) + (select count(*) from v_examination_person)`).Scan(&n))
		if n != 0 {
			t.Errorf("%d rows of a person whose data are restricted", n)
		}
	})
}

// TestGrant: an account of PostgreSQL reads the views, and who the patients are by a grant
// of its own alone.
func TestGrant(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		check(t, k.Define(t.Context()))
		err := k.Grant(t.Context(), house, "local", view.Reader{Account: "no_such_account"})
		if d.Engine() != db.Postgres {
			if fault.Of(err) != fault.Unsupported {
				t.Errorf("on a file: %v", err)
			}
			return
		}
		if fault.Of(err) != fault.Invalid {
			t.Errorf("an account that is not there: %v", err)
		}
		if err := k.Grant(t.Context(), house, "local", view.Reader{Account: "x; drop table site"}); fault.Of(err) != fault.Invalid {
			t.Errorf("an account in SQL: %v", err)
		}
		const account = "radagora_view_reader"
		exec := func(q string) {
			check(t, d.Write(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), q); return err }))
		}
		exec("drop role if exists " + account)
		exec("create role " + account)
		defer exec("drop role " + account)
		reads := func(name string) (may bool) {
			check(t, d.QueryRow(t.Context(), `select has_table_privilege($1, $2, 'select')`, account, name).Scan(&may))
			return may
		}
		for _, identity := range []bool{false, true, false} {
			check(t, k.Grant(t.Context(), house, "local", view.Reader{Account: account, Identity: identity}))
			if !reads("v_examination") || !reads("v_level") || reads(view.Identity) != identity || reads("dose_study") {
				t.Errorf("identity %v: reads %v %v %v %v", identity, reads("v_examination"), reads("v_level"), reads(view.Identity), reads("dose_study"))
			}
		}
		exec("drop view v_layout") // as an update does
		check(t, k.Define(t.Context()))
		if !reads("v_examination") {
			t.Error("the grant is gone after an update")
		}
		check(t, k.Revoke(t.Context(), house, "local", account))
		if reads("v_examination") {
			t.Error("it reads after its grant was taken")
		}
	})
}

// TestDisclosures: what went is registered with its digest, and its one receipt.
func TestDisclosures(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		ctx := as(t, "ann", access.Physicist)
		made, err := k.Disclose(ctx, view.Disclosure{Site: house, Registry: "Survey 2026", Modality: "CT", From: "2026-01-01", To: "2026-12-31", Format: "csv", File: "survey.csv", N: 2, Left: map[string]int{"unmapped": 3}}, []byte("abc"))
		check(t, err)
		if made.Number != 1 || made.Digest != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
			t.Errorf("%+v", made)
		}
		for name, r := range map[string]view.Receipt{"nothing": {State: view.Accepted}, "no state": {Text: "x"}, "too large": {State: view.Accepted, File: make([]byte, view.MaxReceiptFile+1)}} {
			if err := k.Receive(ctx, house, 1, r); fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		check(t, k.Receive(ctx, house, 1, view.Receipt{State: view.Accepted, Text: "2026-4711", Name: "r.pdf", File: []byte("pdf")}))
		if err := k.Receive(ctx, house, 1, view.Receipt{State: view.Refused, Text: "no"}); fault.Of(err) != fault.Conflict {
			t.Errorf("a second answer: %v", err)
		}
		all, err := k.Disclosures(ctx, house)
		check(t, err)
		if len(all) != 1 || all[0].State != view.Accepted || all[0].Left["unmapped"] != 3 || all[0].ReceivedBy != "ann" {
			t.Errorf("%+v", all)
		}
		if name, raw, err := k.ReceiptFile(ctx, house, 1); err != nil || name != "r.pdf" || string(raw) != "pdf" {
			t.Errorf("%q %q %v", name, raw, err)
		}
	})
}

// TestPrepare: what cannot be told to a registry is left out with a reason, and nothing
// of what goes names a day or a room.
func TestPrepare(t *testing.T) {
	age, old, dlp, none := int64(30*12), int64(97*12), 120.0, 0.0
	item := func(change func(*dose.Item)) *dose.Item {
		i := &dose.Item{Study: "1.2", Key: "a", Day: "2026-03-04", Room: "room-of-ann", Exam: "CT_HEAD", AgeMonths: &age, DLP: &dlp}
		change(i)
		return i
	}
	rows, left := view.Prepare([]*dose.Item{
		item(func(*dose.Item) {}),
		item(func(i *dose.Item) { i.AgeMonths, i.Excluded = &old, dose.ExcludedSize }),
		item(func(i *dose.Item) { i.Exam = "" }),
		item(func(i *dose.Item) { i.DLP = nil }),
		item(func(i *dose.Item) { i.DLP = &none }),
		item(func(i *dose.Item) { i.Day = "" }),
		item(func(i *dose.Item) { i.AgeMonths = nil }),
		item(func(i *dose.Item) { i.Excluded = dose.ExcludedNotPatient }),
		item(func(i *dose.Item) { i.Excluded = dose.ExcludedUnit }),
	}, 4)
	if len(rows) != 2 || rows[0].Month != "2026-03" || rows[0].Room != 1 || rows[0].AgeYears != 30 || rows[1].AgeYears != 90 {
		t.Errorf("%+v", rows)
	}
	for why, n := range map[string]int{
		view.LeftUnwilling: 4, view.LeftUnmapped: 1, view.LeftNoValue: 1, view.LeftImplausible: 1, view.LeftUndated: 1, view.LeftAge: 1, dose.ExcludedNotPatient: 1, dose.ExcludedUnit: 1,
	} {
		if left[why] != n {
			t.Errorf("%d left out as %s; want %d", left[why], why, n)
		}
	}
}
