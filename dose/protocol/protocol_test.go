package protocol_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
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
	"radagora/dose/protocol"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/site"
)

const house = site.Default

// today is the day on which these tests happen.
func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// A desk is a ledger at work, and the register that follows it.
type desk struct {
	*protocol.Register
	t       *testing.T
	ledger  *dose.Ledger
	journal *journal.Journal
	mu      sync.Mutex
	shelf   map[uid.UID]*dicom.Dataset
}

// Open implements dose.Objects.
func (k *desk) Open(_ context.Context, _ string, sop uid.UID) (*dicom.File, io.Closer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := k.shelf[sop]
	if d == nil {
		return nil, nil, fault.Errorf(fault.NotFound, "no instance %s", sop)
	}
	return &dicom.File{Dataset: d}, io.NopCloser(nil), nil
}

// check ends the test if something could not be done that it is not about.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newDesk opens a ledger and a register in d, at work until the test ends.
func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k := &desk{t: t, shelf: map[uid.UID]*dicom.Dataset{}}
	log := slog.New(slog.DiscardHandler)
	var err error
	k.journal, err = journal.Open(t.Context(), d, journal.Options{
		MasterKey: [32]byte{1}, Log: log, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond, Retry: 10 * time.Millisecond,
	})
	check(t, err)
	sites, err := site.Open(t.Context(), d, k.journal, today)
	check(t, err)
	findings, err := finding.Open(t.Context(), d, k.journal, today)
	check(t, err)
	library, err := content.Open()
	check(t, err)
	check(t, d.Migrate(t.Context(), "access", access.Migrations()))
	check(t, d.Migrate(t.Context(), "dose", dose.Migrations()))
	check(t, d.Migrate(t.Context(), "protocol", protocol.Migrations()))
	k.Register = &protocol.Register{DB: d, Journal: k.journal, Content: library, Findings: findings, Now: today}
	k.ledger = &dose.Ledger{
		DB: d, Journal: k.journal, Content: library, Objects: k, Machines: sites, Reader: dose.Reader{Thresholds: dose.Defaults()},
		Log: log, Now: today, Holder: "test", Derived: k.Derived,
	}
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

// arrive lets objects arrive and waits until they are derived.
func (k *desk) arrive(all ...*dicom.Dataset) {
	k.t.Helper()
	var entries []journal.Entry
	for _, d := range all {
		k.mu.Lock()
		k.shelf[d.UID(tag.SOPInstanceUID)] = d
		k.mu.Unlock()
		raw, err := json.Marshal(map[string]string{"study": d.UID(tag.StudyInstanceUID).String(), "sop_class": d.UID(tag.SOPClassUID).String()})
		check(k.t, err)
		entries = append(entries, journal.Entry{
			Site: house, Actor: "ae:TEST", Kind: "archive.instance.stored", Subject: d.UID(tag.SOPInstanceUID).String(), Data: raw,
		})
	}
	check(k.t, k.DB.Write(k.t.Context(), func(tx *db.Tx) error { return k.journal.Append(k.t.Context(), tx, entries...) }))
	k.settle()
}

// settle waits until everything that arrived is derived.
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

// scan makes a report of one scan on the n-th day of the year.
func scan(t *testing.T, serial string, n int, kvp, ctdi string) *dicom.Dataset {
	t.Helper()
	name := fmt.Sprintf("%s %d", serial, n)
	e := dosetest.Scan(name+" scan", ctdi, "400")
	e.KVP = kvp
	r := dosetest.New(name, name+" dose", "400", e)
	r.Serial, r.StudyDate = serial, time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC).Format("20060102")
	d, err := r.Dataset()
	check(t, err)
	return d
}

// year lets a machine make 20 scans, from the eleventh on at another voltage.
func (k *desk) year(serial, before, after string) {
	k.t.Helper()
	var all []*dicom.Dataset
	for i := range 20 {
		kvp, ctdi := before, 10+float64(i%10)/10
		if i >= 10 {
			kvp, ctdi = after, ctdi*0.6
		}
		all = append(all, scan(k.t, serial, i+1, kvp, fmt.Sprintf("%.2f", ctdi)))
	}
	k.arrive(all...)
}

// as returns a context in which somebody of a role asks.
func as(t *testing.T, role access.Role) context.Context {
	t.Helper()
	return access.With(t.Context(), access.Who{ID: "somebody", Grants: access.Everywhere(role)})
}

func TestRegister(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.year("R1", "120", "100")
		k.year("R2", "120", "120")
		want := []string{"1 120 10", "2 100 10", "1 120 20"}
		got := func() (all []string) {
			versions, err := k.Versions(t.Context(), house, "")
			check(t, err)
			for _, v := range versions {
				all = append(all, fmt.Sprintf("%d %s %d", v.Number, v.Settings["kvp"][0].Text, v.N))
			}
			return all
		}
		first := got()
		if len(first) == 3 && first[0] == "1 120 20" { // ids of machines have no order
			want = []string{"1 120 20", "1 120 10", "2 100 10"}
		}
		if diff := cmp.Diff(want, first); diff != "" {
			t.Fatalf("versions (-want +got):\n%s", diff)
		}
		check(t, k.ledger.Rebuild(t.Context()))
		k.settle()
		if diff := cmp.Diff(first, got()); diff != "" {
			t.Errorf("versions after a rebuild (-before +after):\n%s", diff)
		}
		marks, err := k.Marks(t.Context(), house, "", "2026-01-01", "2026-12-31")
		check(t, err)
		if len(marks) != 1 || marks[0].Day != "2026-01-11" || marks[0].Changed[0] != (protocol.Changed{Setting: "kvp", From: "120", To: "100"}) {
			t.Errorf("marks %+v; want one on 2026-01-11, kvp from 120 to 100", marks)
		}
		effects, err := k.Effects(t.Context(), house, marks[0].Machine)
		check(t, err)
		e := effects[0].Effects[0]
		if e.Code != "ctdivol" || e.Ratio < 0.59 || e.Ratio > 0.61 || !e.Certain() || e.A.N != 10 || e.B.N != 10 {
			t.Errorf("effect %+v; want a certain ratio of 0.6 between 10 and 10", e)
		}
		check(t, d.Write(t.Context(), func(tx *db.Tx) error {
			return k.ledger.Erased(t.Context(), tx, house, dosetest.UID("R1 20").String(), true)
		}))
		versions, err := k.Versions(t.Context(), house, marks[0].Machine)
		check(t, err)
		if n := versions[1].N; n != 9 {
			t.Errorf("after the archive erased a study the second version holds %d; want 9", n)
		}
	})
}

func TestProposal(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.year("R1", "120", "100")
		all, err := k.Versions(t.Context(), house, "")
		check(t, err)
		c, err := k.Compare(t.Context(), house, protocol.Side{Key: all[0].Key, Version: 1}, protocol.Side{Key: all[0].Key, Version: 2})
		check(t, err)
		differ := 0
		for _, r := range c.Rows {
			if r.Differ {
				differ++
			}
		}
		if differ != 1 || len(c.Rows) < 3 {
			t.Errorf("%d of %d rows differ; want 1 of several", differ, len(c.Rows))
		}
		ctx := as(t, access.Physicist)
		a, err := k.Propose(ctx, house, "room", c, protocol.Proposal{Note: "100 kV is enough", Due: "2026-12-31"})
		check(t, err)
		if a.Kind != "protocol_change" || a.Text != "100 kV is enough\nkvp: 120 → 100" {
			t.Errorf("action %+v; want a change of protocol from 120 to 100", a)
		}
		if _, err := k.Propose(ctx, house, "room", c, protocol.Proposal{Note: " "}); fault.Of(err) != fault.Invalid {
			t.Errorf("a proposal without reason: %v; want Invalid", err)
		}
		if _, err := k.Propose(as(t, access.Learner), house, "room", c, protocol.Proposal{Note: "x"}); fault.Of(err) != fault.Forbidden {
			t.Errorf("a learner: %v; want Forbidden", err)
		}
		b, err := k.Propose(ctx, house, "room", c, protocol.Proposal{Note: "again"})
		check(t, err)
		if b.Finding == a.Finding {
			t.Error("two proposals are one finding")
		}
	})
}

// samples reads real dose reports.
func samples(t *testing.T, names ...string) (all []*dicom.Dataset) {
	t.Helper()
	dir := os.Getenv("RADAGORA_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	for _, name := range names {
		path := filepath.Join(dir, "samples", "rdsr", name+".dcm")
		f, err := os.Open(path)
		if err != nil {
			t.Skipf("shared samples not found: %v", err)
		}
		read, err := dicom.Read(f, nil)
		check(t, err)
		check(t, f.Close())
		all = append(all, read.Dataset)
	}
	return all
}

// TestDoseCheckOfSamples holds the acceptance rows of the brief.
func TestDoseCheckOfSamples(t *testing.T) {
	for _, c := range []struct {
		name                  string
		dlp, ctdivol          string // how the alert is set up
		notified              string // notification of CTDIvol
		dlpValue, ctdiValue   float64
		exceeded, noReason    int // of DLP
		exceededCT, exceeding int
	}{
		{"CT-RDSR-Toshiba_DoseCheck", "configured", "configured", "not_configured", 100, 10, 2, 2, 1, 1},
		{"CT-RDSR-Siemens-Multi-1", "not_configured", "configured", "not_configured", 0, 1000, 0, 0, 0, 0},
		{"CT-RDSR-Siemens-Continued-1", "not_configured", "configured", "not_configured", 0, 1000, 0, 0, 0, 0},
		// The brief says "value not sent"; the file sends 1000 mGy, and 60 mGy for the notification.
		{"CT-RDSR-Philips_BigBore4DCT", "not_configured", "configured", "configured", 0, 1000, 0, 0, 0, 0},
		{"CT-RDSR-Siemens_Flash-TAP-SS", "not_recorded", "not_recorded", "not_recorded", 0, 0, 0, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				all := samples(t, c.name)
				k := newDesk(t, d)
				k.arrive(all...)
				rooms, err := k.Checks(t.Context(), house, "0000", "9999")
				check(t, err)
				if len(rooms) != 1 || len(rooms[0].Whole) != 4 {
					t.Fatalf("%+v; want one machine with four groups", rooms)
				}
				w := rooms[0].Whole // alert DLP, alert CTDIvol, notification DLP, notification CTDIvol
				dlp, _ := w[0].Typical()
				ctdi, _ := w[1].Typical()
				got := fmt.Sprint(w[0].State, w[1].State, w[3].State, dlp, ctdi, w[0].Exceeded, w[0].NoReason, w[1].Exceeded, rooms[0].Exceeding)
				want := fmt.Sprint(c.dlp, c.ctdivol, c.notified, c.dlpValue, c.ctdiValue, c.exceeded, c.noReason, c.exceededCT, c.exceeding)
				if got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
}

// TestSettingsOfSamples holds that what real scanners send becomes settings.
func TestSettingsOfSamples(t *testing.T) {
	all := samples(t, "CT-RDSR-Siemens_Flash-TAP-SS")
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.arrive(all...)
		versions, err := k.Versions(t.Context(), house, "")
		check(t, err)
		for _, v := range versions {
			if v.Protocol != "TAP" || v.Type != "spiral" {
				continue
			}
			got := map[string]string{}
			for _, s := range []string{"kvp", "pitch", "collimation_mm", "rotation_s", "phantom", "modulation", "body_size"} {
				got[s] = protocol.Text(v.Settings[s])
			}
			want := map[string]string{
				"kvp": "120", "pitch": "0.6", "collimation_mm": "38.4", "rotation_s": "0.5", "phantom": "body32", "modulation": "XYZ_EC", "body_size": "Adult",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			return
		}
		t.Errorf("no protocol TAP among %d", len(versions))
	})
}
