package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/notice"
)

func TestClockWatch(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		wall, mono time.Duration // since the start
		want       time.Duration
	}{
		{"time passes", time.Minute, time.Minute, 0},
		{"the clock is a little fast", time.Minute + time.Second, time.Minute, 0},
		{"put forward", time.Hour, time.Minute, 59 * time.Minute},
		{"put back", -time.Hour, time.Minute, -61 * time.Minute},
		{"the machine slept, and the stopwatch with it", 8 * time.Hour, time.Minute, 8*time.Hour - time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := start
			w := newClockWatch(func() time.Time { return now })
			now = start.Add(c.wall)
			w.compare(c.mono, 5*time.Second)
			jump, at := w.last()
			if jump != c.want || at.IsZero() != (c.want == 0) {
				t.Errorf("jump %v at %v; want %v", jump, at, c.want)
			}
			now = now.Add(time.Minute)
			w.compare(c.mono+time.Minute, 5*time.Second)
			if again, _ := w.last(); again != jump {
				t.Errorf("a minute later the jump is %v; want %v still", again, jump)
			}
		})
	}
}

func TestHostWord(t *testing.T) {
	for name, want := range map[string]string{
		"Dose.Hospital.example": "dose.hospital.example", "10.0.0.1:443": "10.0.0.1:443",
		"Hospital CA": "certificate", "": "certificate", "*.hospital.example": "certificate", "-": "certificate",
	} {
		if got := hostWord(name); got != want {
			t.Errorf("hostWord(%q) = %q; want %q", name, got, want)
		}
	}
}

// certificateFile writes a certificate that ends at a time.
func certificateFile(t *testing.T, ends time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "dose"}, DNSNames: []string{"dose.hospital.example"},
		NotBefore: ends.AddDate(-1, 0, 0), NotAfter: ends,
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	check(t, err)
	name := filepath.Join(t.TempDir(), "cert.pem")
	check(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600))
	return name
}

// conditionOf returns the condition with this key, or with this name if key is "".
func conditionOf(t *testing.T, all []condition, key, name string) condition {
	t.Helper()
	for _, c := range all {
		if c.Key == key && (name == "" || c.Name.Key == name) {
			return c
		}
	}
	t.Fatalf("no condition %q %q", key, name)
	return condition{}
}

// TestObserver looks at an installation to which things happen.
func TestObserver(t *testing.T) {
	start := time.Now()
	var ahead atomic.Int64 // read by what works behind the doors
	sys := &system{Out: io.Discard, Err: io.Discard, Now: func() time.Time { return start.Add(time.Duration(ahead.Load())) }, Log: logging{Format: "text"}.logger(io.Discard)}
	s := settings{Data: t.TempDir(), HTTP: "127.0.0.1:8080"}
	s.WarnDisk, s.WarnLog, s.WarnLate, s.WarnCertificate, s.WarnClock = 1, 1024, 15*time.Minute, 30, 5*time.Second
	h, err := s.open(t.Context(), sys)
	check(t, err)
	s.TLSCert = certificateFile(t, start.AddDate(0, 0, 40)) // without its key it cannot be opened with
	h.Observer.settings = s
	h.Jobs.Handle("test.job.fail", func(context.Context, job.Job) error { return fault.Errorf(fault.Invalid, "no") })
	ctx, stop := context.WithCancel(context.Background())
	work := make(chan error, 1)
	go func() { work <- h.background(ctx) }()
	defer func() {
		stop()
		check(t, errors.Join(<-work, h.Close()))
	}()
	o := h.Observer
	all := o.look(ctx)
	for _, c := range all {
		if c.State == stateTrouble || c.State == stateUnknown {
			t.Errorf("a new installation: %s is %s", c.Name.Key, c.State)
		}
	}
	if c := conditionOf(t, all, "certificate 7", ""); c.State != stateGood {
		t.Errorf("certificate for 40 days: %s", c.State)
	}
	if c := conditionOf(t, all, "backup", ""); c.State != stateWarn {
		t.Errorf("no backup is set: %s; want attention", c.State)
	}

	// A job is given up, the certificate comes near its end, the clock jumps, the disk
	// is asked for more than there is.
	check(t, h.DB.Write(ctx, func(tx *db.Tx) error { return h.Jobs.Add(ctx, tx, job.Job{Kind: "test.job.fail"}) }))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if dead, err := h.Jobs.List(ctx, job.Filter{State: job.Dead}); err != nil || len(dead) == 1 {
			break
		} else if time.Now().After(end) {
			t.Fatal("the job is not given up")
		}
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if n, _, err := o.unsealed(ctx); err == nil && n == 0 && caughtUp(t, h) {
			break
		} else if time.Now().After(end) {
			t.Fatal("the journal is not followed")
		}
	}
	o.settings.TLSCert = certificateFile(t, start.AddDate(0, 0, 20))
	o.settings.WarnDisk = 100
	ahead.Store(int64(time.Hour))
	o.clock.look(5 * time.Second)
	all = o.look(ctx)
	for key, want := range map[string]string{
		"certificate 7": stateWarn, "jobs dead": stateWarn, "clock " + machineName(): stateWarn,
	} {
		if c := conditionOf(t, all, key, ""); c.State != want {
			t.Errorf("%s is %s; want %s", key, c.State, want)
		}
	}
	if c := conditionOf(t, all, "disk "+machineName(), ""); c.State == stateGood {
		t.Errorf("disk is %s although all of it should be free", c.State)
	}
	toldTwice(t, h, o)
	metricsOf(t, h)
}

// caughtUp reports whether everybody who follows the journal has read all of it.
func caughtUp(t *testing.T, h *house) bool {
	t.Helper()
	all, err := h.Journal.Consumers(t.Context())
	check(t, err)
	for _, c := range all {
		if c.Lag > 0 {
			return false
		}
	}
	return true
}

// toldTwice reports twice, then once more when all is well, and looks at the inbox.
func toldTwice(t *testing.T, h *house, o *observer) {
	t.Helper()
	ctx := t.Context()
	for range 2 {
		check(t, o.report(ctx, o.look(ctx)))
	}
	want := map[string]bool{"status.certificate.ends": true, "status.job.dead": true, "status.clock.wrong": true, "status.disk.full": true, "status.backup.none": true}
	var got []notice.Notice
	for end := time.Now().Add(20 * time.Second); len(got) < len(want) && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var err error
		got, err = h.Notices.Inbox(ctx, access.Local, notice.ViewOpen, "")
		check(t, err)
	}
	if len(got) != len(want) {
		t.Errorf("%d notices; want each of %d once", len(got), len(want))
	}
	for _, n := range got {
		if !want[n.Kind] {
			t.Errorf("told of %s", n.Kind)
		}
	}
	good := o.look(ctx)
	for i := range good {
		good[i].State = stateGood
	}
	check(t, o.report(ctx, good))
	got, err := h.Notices.Inbox(ctx, access.Local, notice.ViewOpen, "")
	check(t, err)
	for _, n := range got {
		if n.Settled.IsZero() {
			t.Errorf("%s is over and not settled", n.Kind)
		}
	}
}

// metricsOf reads the metrics as a collector does.
func metricsOf(t *testing.T, h *house) {
	t.Helper()
	w := httptest.NewRecorder()
	newMetrics(h).handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`radagora_disk_bytes{room="free"} `, `radagora_database_bytes{part="tables"} `, "radagora_journal_unsealed ",
		`radagora_jobs{kind="test.job.fail",state="dead"} 1`, "radagora_certificate_end_seconds ", "radagora_backup_late 0",
		"radagora_clock_jump_seconds 3", `radagora_journal_stuck{consumer="dose"} 0`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+want) {
			t.Errorf("no metric %s", want)
		}
	}
}
