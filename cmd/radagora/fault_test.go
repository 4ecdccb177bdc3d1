//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/dose/dosetest"
	"radagora/job"
	"radagora/site"
	"radagora/tools/postgres"
)

// TestFaults breaks what the program stands on while a sender stores reports: the
// disk is full, the database goes and comes back, the clock jumps. Nothing that was
// acknowledged may be lost, and the program goes on by itself. That it is killed
// meanwhile is TestKillUnderLoad.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("real faults take their time: left out of short tests")
	}
	t.Run("disk full", diskFull)
	t.Run("database gone and back", databaseGone)
	t.Run("clock jumps", clockJumps)
}

// A load is a sender at work on several associations. It goes on, whatever it is
// answered, and dials again when an association ends.
type load struct {
	t    *testing.T
	name string
	at   *server
	end  context.CancelFunc
	all  sync.WaitGroup

	mu     sync.Mutex
	acked  []string             // names of instances
	status map[dimse.Status]int // of those that were refused
	cut    int                  // associations that ended or did not come about
}

// newLoad begins to store reports at a server, until stop is called.
func newLoad(t *testing.T, name string, at *server) *load {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	l := &load{t: t, name: name, at: at, end: end, status: map[dimse.Status]int{}}
	for g := range 3 {
		l.all.Go(func() { l.send(ctx, g) })
	}
	t.Cleanup(func() { l.stop() })
	return l
}

// send is one sender.
func (l *load) send(ctx context.Context, g int) {
	var a *dimse.Association
	for n := 0; ctx.Err() == nil; n++ {
		var err error
		if a == nil {
			if a, err = dial(ctx, l.at); err != nil {
				a = nil
				l.count(func() { l.cut++ })
				time.Sleep(50 * time.Millisecond)
				continue
			}
		}
		name := fmt.Sprintf("%s-%d-%d", l.name, g, n)
		b, err := reportMaker{}.dataset("study "+name, name)
		if err != nil {
			l.t.Error(err)
			return
		}
		status, err := a.Store(ctx, dimse.Outgoing{
			SOPClass: uid.XRayRadiationDoseSRStorage, SOPInstance: dosetest.UID(name),
			TransferSyntax: uid.ExplicitVRLittleEndian, Data: bytes.NewReader(b),
		})
		switch {
		case err != nil:
			a.Abort()
			a = nil
			if ctx.Err() == nil {
				l.count(func() { l.cut++ })
			}
		case status.OK():
			l.count(func() { l.acked = append(l.acked, name) })
		default:
			l.count(func() { l.status[status]++ })
		}
		time.Sleep(10 * time.Millisecond)
	}
	if a != nil {
		a.Abort()
	}
}

// count changes what is counted.
func (l *load) count(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// seen returns how many were acknowledged and refused so far.
func (l *load) seen() (acked, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.status {
		refused += n
	}
	return len(l.acked), refused
}

// more waits until so many more were acknowledged.
func (l *load) more(n int) {
	l.t.Helper()
	before, _ := l.seen()
	within(l.t, 30*time.Second, fmt.Sprintf("%d more reports are acknowledged", n), func() bool {
		now, _ := l.seen()
		return now >= before+n
	})
}

// stop ends the senders and returns what was acknowledged.
func (l *load) stop() []string {
	l.end()
	l.all.Wait()
	return l.acked
}

// within waits until something is so, and ends the test if it never is.
func within(t *testing.T, most time.Duration, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > most {
			t.Fatalf("after %v it is still not so that %s", most, what)
		}
	}
}

// get asks the pages for an address and returns status and text, 0 for none.
func get(s *server, path string) (int, string) {
	c := http.Client{Timeout: 10 * time.Second}
	r, err := c.Get("http://" + s.http + path)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err.Error()
	}
	return r.StatusCode, string(b)
}

// behind are the measures of work that waits behind the doors.
var behind = regexp.MustCompile(`(?m)^(radagora_dose_pending|radagora_journal_unsealed|radagora_journal_lag\S*) (\S+)$`)

// idleAgain waits until a server that goes on by itself has nothing left to derive.
func idleAgain(t *testing.T, s *server) {
	t.Helper()
	within(t, 40*time.Second, "everything is derived", func() bool {
		status, text := get(s, "/metrics")
		found := behind.FindAllStringSubmatch(text, -1)
		return status == http.StatusOK && len(found) >= 3 && !slices.ContainsFunc(found, func(m []string) bool { return m[2] != "0" })
	})
}

// notLost looks for everything that was acknowledged: each object whole, its dose derived.
func notLost(ctx context.Context, t *testing.T, h *house, acked []string) {
	t.Helper()
	if len(acked) == 0 {
		t.Error("nothing was acknowledged: the test tests nothing")
	}
	for _, name := range acked {
		o, err := h.Archive.Open(ctx, site.Default, dosetest.UID(name))
		if err != nil {
			t.Errorf("acknowledged, and lost: %s: %v", name, err)
			continue
		}
		check(t, o.Close())
		study, err := h.Dose.Study(ctx, site.Default, dosetest.UID("study "+name).String())
		if err != nil || study.DLPSummed == nil || *study.DLPSummed != "7" {
			t.Errorf("acknowledged, and not derived: %s: %+v, %v", name, study, err)
		}
	}
}

// onlyBusy expects that whoever was refused was told to try again later.
func (l *load) onlyBusy() {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.status) != 1 || l.status[dimse.OutOfResources] == 0 {
		l.t.Errorf("refused with %v; want A700H alone: out of resources", l.status)
	}
}

// smallDisk mounts a file system of a few megabytes, and skips where that may not be.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a small disk to fill")
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a small disk to fill cannot be mounted: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// ballast fills what is left of a disk and returns the file to remove.
func ballast(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	check(t, err)
	for _, size := range []int{1 << 20, 4096} { // whole megabytes, then what is left
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fill the disk: %v", err)
		}
	}
	check(t, f.Close())
	return name
}

// noneLeft is what the status page says of a full disk.
var noneLeft = regexp.MustCompile(`are free \(0.%\)`)

// noRoom stores by STOW-RS where there is no room: whoever sends is told to come again,
// and of each object why (PS3.18 Table 10.5.3-3).
func (s *server) noRoom(t *testing.T) {
	t.Helper()
	ds, err := dicom.NewBuilder().UID(tag.SOPClassUID, imageClass).Text(tag.SOPInstanceUID, "1.2.3.4").
		Text(tag.StudyInstanceUID, "1.2.3").Text(tag.SeriesInstanceUID, "1.2.3.1").Text(tag.Modality, "OT").Text(tag.PatientID, "FULL").
		Bytes(tag.PixelData, vr.OW, make([]byte, 8<<20)).Dataset()
	check(t, err)
	var raw bytes.Buffer
	check(t, dicom.WriteFile(&raw, ds, uid.ExplicitVRLittleEndian))
	part := func(head string, body []byte) []byte {
		return slices.Concat([]byte("--b\r\nContent-Type: "+head+"\r\n\r\n"), body, []byte("\r\n"))
	}
	const metadata = `[{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080018":{"vr":"UI","Value":["1.2.3.5"]},"0020000D":{"vr":"UI","Value":["1.2.3"]},
		"0020000E":{"vr":"UI","Value":["1.2.3.1"]},"7FE00010":{"vr":"OW","BulkDataURI":"pixels"}}]`
	for media, body := range map[string][]byte{
		"application/dicom": raw.Bytes(),
		`multipart/related; type="application/dicom"; boundary=b`:      append(part("application/dicom", raw.Bytes()), "--b--"...),
		`multipart/related; type="application/dicom+json"; boundary=b`: slices.Concat(part("application/dicom+json", []byte(metadata)), part("application/octet-stream\r\nContent-Location: pixels", make([]byte, 8<<20)), []byte("--b--")),
	} {
		r, err := http.Post("http://"+s.http+"/dicom-web/studies", media, bytes.NewReader(body))
		check(t, err)
		text, err := io.ReadAll(r.Body)
		check(t, errors.Join(err, r.Body.Close()))
		if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" ||
			!strings.Contains(media, "json") && !strings.Contains(string(text), `"00081197":{"vr":"US","Value":[42752]}`) {
			t.Errorf("STOW as %s while the disk is full: %s, Retry-After %q: %s", media, r.Status, r.Header.Get("Retry-After"), text)
		}
	}
}

// diskFull fills the disk of the data folder under load and frees it again.
func diskFull(t *testing.T) {
	disk := smallDisk(t)
	data := filepath.Join(disk, "data")
	s := serve(t, data)
	l := newLoad(t, "full", s)
	l.more(30)
	file := ballast(t, disk)
	before, _ := l.seen()
	within(t, 30*time.Second, "stores are refused", func() bool { _, refused := l.seen(); return refused >= 30 })
	for _, path := range []string{"/healthz", "/readyz", "/", "/dose/ct", "/settings/status", "/metrics"} {
		if status, text := get(s, path); status != http.StatusOK {
			t.Errorf("%s while the disk is full: %d %s", path, status, text)
		}
	}
	if _, text := get(s, "/settings/status"); !noneLeft.MatchString(text) {
		t.Errorf("the status page does not say that the disk is full: %s", text)
	}
	s.noRoom(t)
	if out, ok := runs(t, "radagora", "status", "--data", data); ok || !strings.Contains(out, "make room there") && !noneLeft.MatchString(out) {
		t.Errorf("radagora status while the disk is full: %s", out)
	}
	meanwhile, refused := l.seen()
	check(t, os.Remove(file))
	l.more(30)
	l.onlyBusy()
	acked := l.stop()
	idleAgain(t, s)
	t.Logf("%d acknowledged, %d of them while the disk was full, %d refused, %d associations cut", len(acked), meanwhile-before, refused, l.cut)
	check(t, s.stop())
	noCanary(t, s.log())
	inside(t, data, func(ctx context.Context, h *house) { check(t, h.meanwhile(ctx, h.settle)); notLost(ctx, t, h, acked) })
	command(t, exitDone, "check", "--data", data)
	ballast(t, disk)
	if again, err := startServer(data, nil); err == nil {
		check(t, again.stop()) // it found what it needs
	} else if !strings.Contains(err.Error(), "make room there and start again") {
		t.Errorf("a start on a full disk does not say what to do: %v", err)
	}
}

// A cluster is the database server of a test, which can be broken and started again
// on the same data.
type cluster struct {
	t      *testing.T
	dsn    string
	folder string   // of its data
	args   []string // it was started with
	cmd    *exec.Cmd
}

// newCluster starts one, and skips where there is none.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	p, err := postgres.Start(t.Context())
	if errors.Is(err, postgres.ErrMissing) {
		t.Skip(err)
	}
	check(t, err)
	t.Cleanup(func() { check(t, p.Stop()) })
	c := &cluster{t: t, dsn: p.DSN()}
	conn, err := pgx.Connect(t.Context(), c.dsn)
	check(t, err)
	check(t, conn.QueryRow(t.Context(), "select current_setting('data_directory')").Scan(&c.folder))
	check(t, conn.Close(t.Context()))
	b, err := os.ReadFile(filepath.Join(c.folder, "postmaster.opts"))
	check(t, err)
	program, quoted, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	c.args = []string{program}
	for a := range strings.SplitSeq(quoted, `" "`) {
		c.args = append(c.args, strings.Trim(a, `"`))
	}
	return c
}

// crash ends the server at once: what was committed is in its log alone.
func (c *cluster) crash() {
	c.t.Helper()
	file := filepath.Join(c.folder, "postmaster.pid")
	b, err := os.ReadFile(file)
	check(c.t, err)
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	check(c.t, err)
	check(c.t, syscall.Kill(pid, syscall.SIGQUIT))
	within(c.t, 20*time.Second, "PostgreSQL is gone", func() bool { _, err := os.Stat(file); return err != nil })
}

// again starts it on the data that it left.
func (c *cluster) again() {
	c.t.Helper()
	info, err := os.Stat(c.folder)
	check(c.t, err)
	c.cmd = exec.Command(c.args[0], c.args[1:]...)
	c.cmd.Dir, c.cmd.SysProcAttr = c.folder, &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT, Setpgid: true}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		c.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
	check(c.t, c.cmd.Start())
	c.t.Cleanup(func() {
		check(c.t, c.cmd.Process.Signal(syscall.SIGINT))
		_ = c.cmd.Wait() // it ends by our signal
	})
}

// databaseGone breaks the database under load and starts it again some seconds later.
func databaseGone(t *testing.T) {
	c := newCluster(t)
	t.Setenv("RADAGORA_DB", c.dsn)
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data)
	l := newLoad(t, "gone", s)
	l.more(30)
	ready := func(want int) func() bool {
		return func() bool { status, _ := get(s, "/readyz"); return status == want }
	}
	c.crash()
	began := time.Now()
	within(t, 10*time.Second, "/readyz says 503", ready(http.StatusServiceUnavailable))
	before, was := l.seen()
	time.Sleep(3 * time.Second)
	acked, refused := l.seen()
	if acked != before || refused == was {
		t.Errorf("without a database %d were acknowledged and %d refused", acked-before, refused-was)
	}
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/dose/ct": http.StatusServiceUnavailable} {
		if status, text := get(s, path); status != want {
			t.Errorf("%s without a database: %d %s; want %d", path, status, text, want)
		}
	}
	c.again()
	back := time.Now()
	within(t, 30*time.Second, "/readyz says 200", ready(http.StatusOK))
	l.more(30)
	t.Logf("gone for %v; stores are acknowledged %v after it was started again", back.Sub(began).Round(time.Millisecond), time.Since(back).Round(time.Millisecond))
	l.onlyBusy()
	if t.Failed() {
		t.Log(regexp.MustCompile(`(?m)^.*(0110H|internal|processing failure).*$`).FindAllString(s.log(), 5))
	}
	all := l.stop()
	idleAgain(t, s)
	t.Logf("%d acknowledged, refused %v, %d associations cut", len(all), l.status, l.cut)
	check(t, s.stop())
	noCanary(t, s.log())
	sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	h, err := settings{Data: data, DB: c.dsn, HTTP: "127.0.0.1:8080"}.open(t.Context(), sys)
	check(t, err)
	check(t, h.meanwhile(t.Context(), h.settle))
	notLost(asLocal(t, h), t, h, all)
	check(t, h.Close())
	command(t, exitDone, "check", "--data", data)
}

// asLocal returns a context of the local user.
func asLocal(t *testing.T, h *house) context.Context {
	t.Helper()
	who, err := h.Users.Who(t.Context(), access.Local)
	check(t, err)
	return access.With(t.Context(), who)
}

// A wrongClock is a clock that somebody puts forward and back.
type wrongClock struct{ off atomic.Int64 }

// now returns what it shows. A clock that is put forward is not seen by the
// stopwatch, so that reading is left out.
func (c *wrongClock) now() time.Time { return time.Now().Round(0).Add(time.Duration(c.off.Load())) }

// step puts it forward, or back.
func (c *wrongClock) step(d time.Duration) { c.off.Add(int64(d)) }

// A jumpy house has a wrong clock, its doors open, and work that is done each second
// and when somebody asks for it.
type jumpy struct {
	*walk
	clock          *wrongClock
	at             *server
	each, whenever atomic.Int64 // how often the work was done
}

// newJumpy opens the house.
func newJumpy(t *testing.T) *jumpy {
	t.Helper()
	j := &jumpy{clock: &wrongClock{}}
	sys := &system{Out: io.Discard, Err: io.Discard, Now: j.clock.now, Log: logging{Format: "text"}.logger(io.Discard)}
	s := settings{Data: t.TempDir(), AE: "RADAGORA", HTTP: "127.0.0.1:8080", DICOM: "127.0.0.1:0", demo: true}
	s.WarnClock = 5 * time.Second
	ctx, stop := context.WithCancel(context.Background())
	h, err := s.open(ctx, sys)
	check(t, err)
	check(t, h.Accounts.Demo(ctx))
	h.Jobs.Handle("fault.clock.try", func(context.Context, job.Job) error { j.whenever.Add(1); return nil })
	h.Jobs.Every("faultclock", job.Interval(time.Second), func(context.Context) error { j.each.Add(1); return nil })
	dicom, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	m := newMetrics(h)
	handler, _, err := h.handler(ctx, s, &watch{}, m, dicom)
	check(t, err)
	work := make(chan error, 2)
	go func() { work <- h.background(ctx) }()
	go func() { work <- h.dicomServer(s, newDoorman(h, true, h.Accounts), &watch{}, m, nil).Serve(ctx, dicom) }()
	j.walk = &walk{T: t, h: h, server: httptest.NewServer(handler)}
	j.at = &server{dicom: dicom.Addr().String(), http: j.server.Listener.Addr().String()}
	t.Cleanup(func() {
		j.server.Close()
		stop()
		check(t, errors.Join(<-work, <-work, h.Close()))
	})
	return j
}

// asks says in a word what a browser gets from the page that everybody may see, and
// from what asks for the proof of a moment ago.
func (j *jumpy) asks(c *http.Client) (page, fresh string) {
	j.Helper()
	words := [2]string{}
	for i, path := range []string{"/", "/settings/journal/export?format=csv"} {
		r, err := c.Get(j.server.URL + path)
		check(j.T, err)
		check(j.T, r.Body.Close())
		switch to := r.Header.Get("Location"); {
		case r.StatusCode == http.StatusOK:
			words[i] = "yes"
		case strings.HasPrefix(to, "/sign-in/again"):
			words[i] = "again"
		case strings.HasPrefix(to, "/sign-in"):
			words[i] = "sign in"
		default:
			words[i] = r.Status
		}
	}
	return words[0], words[1]
}

// works expects that stores are acknowledged, jobs are done, and the status says that
// the clock jumped by d, if it did.
func (j *jumpy) works(l *load, d time.Duration) {
	j.Helper()
	l.more(20)
	each, whenever := j.each.Load(), j.whenever.Load()
	check(j.T, j.h.DB.Write(j.Context(), func(tx *db.Tx) error {
		return j.h.Jobs.Add(j.Context(), tx, job.Job{Kind: "fault.clock.try"})
	}))
	within(j.T, 10*time.Second, "jobs are done", func() bool { return j.each.Load() > each+1 && j.whenever.Load() > whenever })
	j.h.Observer.clock.look(5 * time.Second)
	if jump, _ := j.h.Observer.clock.last(); (jump - d).Abs() > time.Minute {
		j.Errorf("the status says that the clock jumped by %v; want %v", jump, d)
	}
}

// clockJumps puts the clock forward by a day and back by two hours under load.
func clockJumps(t *testing.T) {
	j := newJumpy(t)
	type words struct{ page, fresh string }
	expect := func(when, who string, c *http.Client, want words) {
		t.Helper()
		var got words
		if got.page, got.fresh = j.asks(c); got != want {
			t.Errorf("%s, who signed in %s gets %+v; want %+v", when, who, got, want)
		}
	}
	l := newLoad(t, "clock", j.at)
	first := j.enter(access.ProtectionOfficer)
	expect("before", "now", first, words{"yes", "yes"})
	j.works(l, 0)

	j.clock.step(24 * time.Hour)
	expect("a day later", "before", first, words{"sign in", "sign in"})
	second := j.enter(access.ProtectionOfficer)
	expect("a day later", "then", second, words{"yes", "yes"})
	j.works(l, 24*time.Hour)

	check(t, j.h.DB.Write(t.Context(), func(tx *db.Tx) error { // asked for at a time that is yet to come, once more
		err := j.h.Jobs.Add(t.Context(), tx, job.Job{Kind: "fault.clock.try"})
		j.clock.step(-2 * time.Hour)
		return err
	}))
	expect("two hours back", "before", first, words{"sign in", "sign in"})
	expect("two hours back", "in the future", second, words{"yes", "again"}) // no proof of a moment ago
	expect("two hours back", "then", j.enter(access.ProtectionOfficer), words{"yes", "yes"})
	j.works(l, -2*time.Hour)
	within(t, 10*time.Second, "what was asked for before the jump is done", func() bool { return j.whenever.Load() == 4 })

	acked := l.stop()
	t.Logf("%d acknowledged, refused %v, %d associations cut", len(acked), l.status, l.cut)
	if len(l.status) > 0 {
		t.Errorf("refused with %v", l.status)
	}
	check(t, j.h.settle(t.Context()))
	notLost(asLocal(t, j.h), t, j.h, acked)
	found, err := j.h.Archive.Check(t.Context(), archive.CheckOptions{})
	check(t, err)
	delete(found.Troubles, archive.Orphan) // of what was cut
	if len(found.Troubles) > 0 || found.Rows < int64(len(acked)) {
		t.Errorf("the archive: %+v", found)
	}
	report, err := j.h.Journal.Verify(t.Context())
	check(t, err)
	if report.Break != nil || report.Entries < int64(len(acked)) {
		t.Errorf("the journal: %+v, %+v", report, report.Break)
	}
}
