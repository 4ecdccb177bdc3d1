package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/dose"
	"radagora/finding"
	"radagora/site"
)

// samples returns the CT dose reports that are for tests alone and not part of
// the product, and what they should say; none and nil if they are not there.
func samples(t *testing.T) (files []string, want *expected) {
	t.Helper()
	root := os.Getenv("RADAGORA_SHARED")
	if root == "" {
		root = "../../../shared"
	}
	all, err := filepath.Glob(filepath.Join(root, "samples", "rdsr", "CT-*.dcm"))
	check(t, err)
	if len(all) == 0 {
		return nil, nil
	}
	return all, readExpected(t, filepath.Join(root, "samples", "rdsr", "EXPECTED.tsv"))
}

// check ends the test if something could not be done that it is not about.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// expected is what EXPECTED.tsv says of the CT reports.
type expected struct {
	study  map[string]string               // of a file
	total  map[string]float64              // DLP of a file, mGy.cm
	events map[string]int                  // of a file
	dose   map[string]map[string][]float64 // of a file: CTDIvol and DLP in the order of the events
	byUID  map[string]map[string]float64   // of an event: its dose
}

// readExpected reads it.
func readExpected(t *testing.T, name string) *expected {
	t.Helper()
	b, err := os.ReadFile(name)
	check(t, err)
	x := &expected{
		study: map[string]string{}, total: map[string]float64{}, events: map[string]int{},
		dose: map[string]map[string][]float64{}, byUID: map[string]map[string]float64{},
	}
	uids := map[string]string{} // of the event of a file
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")[1:]
	for pass := range 2 { // the UID of an event may stand behind its dose
		for _, line := range lines {
			c := strings.Split(line, "\t")
			if file, scope, key := c[0], c[1], c[2]; strings.HasPrefix(file, "CT-") && !strings.Contains(file, ";") {
				at := file + " " + scope
				if pass == 0 && key == "Irradiation Event UID" {
					uids[at] = c[4]
				} else if pass == 1 {
					x.add(t, file, scope, key, c[4], c[6], uids[at])
				}
			}
		}
	}
	return x
}

// add takes one row in.
func (x *expected) add(t *testing.T, file, scope, key, written, stored, event string) {
	t.Helper()
	number := func() float64 {
		n, err := strconv.ParseFloat(stored, 64)
		check(t, err)
		return n
	}
	switch {
	case key == "StudyInstanceUID":
		x.study[file] = written
	case key == "number_of_events":
		x.events[file] = int(number())
	case key == "CT Dose Length Product Total":
		x.total[file] = number()
	case strings.HasPrefix(scope, "event ") && (key == "Mean CTDIvol" || key == "DLP") && stored != "":
		column := map[string]string{"Mean CTDIvol": "ctdivol_mgy", "DLP": "dlp_mgycm"}[key]
		if x.dose[file] == nil {
			x.dose[file] = map[string][]float64{}
		}
		x.dose[file][column] = append(x.dose[file][column], number())
		if event != "" {
			if x.byUID[event] == nil {
				x.byUID[event] = map[string]float64{}
			}
			x.byUID[event][column] = number()
		}
	}
}

// made writes synthesised reports into a folder: studies of one report, a
// cumulative one, a repeated and a continued one.
func made(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for _, x := range []struct {
		study, instance, total string
		events                 []string
	}{
		{"m1", "m1", "412.5", []string{"m1l", "m1a:10.1:400.5", "m1b:2:12"}},
		{"m2", "m2-first", "100", []string{"m2a:10:100"}},
		{"m2", "m2-both", "300", []string{"m2a:10:100", "m2b:20:200"}},
		{"m2", "m2-again", "300", []string{"m2a:10:100", "m2b:20:200"}},
		{"m2", "m2-more", "50", []string{"m2c:5:50"}},
	} {
		b, err := reportMaker{day: "20260302", protocol: "Chest Routine", serial: "R64-0001"}.file(x.study, x.instance, x.total, x.events)
		check(t, err)
		name := filepath.Join(dir, x.instance+".dcm")
		check(t, os.WriteFile(name, b, 0o600))
		files = append(files, name)
	}
	return files
}

// command runs radagora in this process and returns what it printed.
func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, &system{In: strings.NewReader(""), Out: &out, Err: &err, Now: time.Now})
	if code != want {
		t.Fatalf("radagora %s: exit code %d; want %d\n%s%s", args[0], code, want, &out, &err)
	}
	noCanary(t, err.String())
	return out.String()
}

// storescu sends files as another program would; it reports whether there is one.
func storescu(t *testing.T, s *server, files ...string) bool {
	t.Helper()
	program, err := exec.LookPath("storescu")
	if err != nil {
		return false
	}
	out, err := exec.CommandContext(t.Context(), program,
		slices.Concat([]string{"-R", "-aec", "RADAGORA"}, strings.Split(s.dicom, ":"), files)...).CombinedOutput()
	if err != nil {
		t.Fatalf("storescu: %v\n%s", err, out)
	}
	return true
}

// csvOf fetches a table of the CT page as a physicist would download it.
func csvOf(t *testing.T, s *server, part string) []map[string]string {
	t.Helper()
	r, err := http.Get("http://" + s.http + "/dose/ct/export?period=all&format=csv&part=" + part)
	check(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	check(t, err)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", part, r.Status, b)
	}
	all, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff")))).ReadAll()
	check(t, err)
	if len(all) == 0 {
		return nil
	}
	var rows []map[string]string
	for _, fields := range all[1:] {
		row := map[string]string{}
		for i, x := range fields {
			row[all[0][i]] = x
		}
		rows = append(rows, row)
	}
	return rows
}

// tables waits until n studies of which the page knows have been there unchanged
// for a while, and returns both tables.
func tables(t *testing.T, s *server, n int) (exams, events []map[string]string) {
	t.Helper()
	quiet := time.Now()
	for began := time.Now(); time.Since(began) < 40*time.Second; time.Sleep(200 * time.Millisecond) {
		x, e := csvOf(t, s, "examinations"), csvOf(t, s, "events")
		if cmp.Diff(exams, x)+cmp.Diff(events, e) != "" {
			exams, events, quiet = x, e, time.Now()
		}
		studies := map[string]bool{}
		for _, row := range x {
			studies[row["study_instance_uid"]] = true
		}
		if len(studies) >= n && time.Since(quiet) > time.Second {
			return exams, events
		}
	}
	t.Fatalf("%d examinations and no quiet after 40 s; want %d studies", len(exams), n)
	return nil, nil
}

// near compares doses as far as the numbers of the reports go.
func near(a, b float64) bool { return math.Abs(a-b) < 0.005 }

// parsed returns a number of a table; "" is NaN.
func parsed(t *testing.T, s string) float64 {
	t.Helper()
	if s == "" {
		return math.NaN()
	}
	n, err := strconv.ParseFloat(s, 64)
	check(t, err)
	return n
}

// inJSON compares what "dose read" says of the samples with what is expected.
func (x *expected) inJSON(t *testing.T, files []string) {
	t.Helper()
	var all []struct {
		File   string
		Study  string  `json:"study_instance_uid"`
		Events int     `json:"event_count"`
		Error  *string `json:"error"`
		Totals struct {
			DLP *float64 `json:"dlp_mgycm"`
		}
		List []map[string]any `json:"events"`
	}
	check(t, json.Unmarshal([]byte(command(t, exitDone, append([]string{"dose", "read", "--json"}, files...)...)), &all))
	for i, f := range all {
		name := filepath.Base(files[i])
		total, ok := x.total[name]
		if f.File != files[i] || f.Error != nil || f.Study != x.study[name] || f.Events != x.events[name] || ok && (f.Totals.DLP == nil || !near(*f.Totals.DLP, total)) {
			t.Errorf("dose read %s: %+v; want %d events, DLP %v", name, f, x.events[name], total)
		}
		for column, want := range x.dose[name] {
			var got []float64
			for _, e := range f.List {
				if n, ok := e[column].(float64); ok {
					got = append(got, n)
				}
			}
			if !slices.EqualFunc(got, want, near) {
				t.Errorf("dose read %s: %s = %v; want %v", name, column, got, want)
			}
		}
	}
}

// inTables compares the tables of the page with what is expected.
func (x *expected) inTables(t *testing.T, exams, events []map[string]string) {
	t.Helper()
	seen, files := map[string]int{}, map[string]int{}
	sums := map[string]float64{}
	for _, row := range events {
		want, ok := x.byUID[row["event_uid"]]
		if !ok {
			continue
		}
		seen[row["event_uid"]]++
		for column, n := range want {
			if !near(parsed(t, row[column]), n) {
				t.Errorf("event %s: %s = %q; want %v", row["event_uid"], column, row[column], n)
			}
		}
		sums[row["study_instance_uid"]] += want["dlp_mgycm"]
	}
	for id := range x.byUID {
		if seen[id] != 1 {
			t.Errorf("event %s stands %d times in the table", id, seen[id])
		}
	}
	for _, study := range x.study {
		files[study]++
	}
	got, count := map[string]float64{}, map[string]int{}
	for _, row := range exams {
		got[row["study_instance_uid"]] += parsed(t, row["dlp_mgycm"])
		count[row["study_instance_uid"]] += int(parsed(t, row["events"]))
	}
	for file, study := range x.study {
		total, events := x.total[file], x.events[file]
		if files[study] > 1 {
			total, events = sums[study], count[study] // cumulative and continued: each event once
		}
		if !near(got[study], total) || count[study] != events {
			t.Errorf("%s: DLP %v of %d events; want %v of %d", file, got[study], count[study], total, events)
		}
	}
}

// A seen is a page as somebody sees it.
type seen struct {
	Status int    `json:"status"`
	Text   string `json:"text"`
}

// look opens pages in a browser, or asks for them where there is none, and returns
// what stands there.
func look(t *testing.T, addresses []string) []seen {
	t.Helper()
	dir := filepath.Join("..", "..", "test", "browser")
	node, err := exec.LookPath("node")
	chromium := os.Getenv("RADAGORA_CHROMIUM")
	if chromium == "" {
		chromium = "/usr/bin/chromium"
	}
	_, noChromium := os.Stat(chromium)
	_, noDriver := os.Stat(filepath.Join(dir, "node_modules", "playwright-core"))
	var all []seen
	if err == nil && noChromium == nil && noDriver == nil && !testing.Short() {
		run := exec.CommandContext(t.Context(), node, append([]string{"texts.mjs"}, addresses...)...)
		run.Dir, run.Stderr = dir, os.Stderr
		out, err := run.Output()
		check(t, err)
		check(t, json.Unmarshal(out, &all))
		return all
	}
	t.Log("no browser: the pages are asked for without one")
	for _, address := range addresses {
		r, err := http.Get(address)
		check(t, err)
		b, err := io.ReadAll(r.Body)
		check(t, errors.Join(err, r.Body.Close()))
		all = append(all, seen{r.StatusCode, string(b)})
	}
	return all
}

// inPages opens the page of every examination in a browser and looks for the doses
// of its events, as their reports have them.
func inPages(t *testing.T, s *server, exams, events []map[string]string) {
	t.Helper()
	var addresses []string
	for _, row := range exams {
		addresses = append(addresses, "http://"+s.http+"/dose/examinations/"+row["study_instance_uid"]+"_"+row["examination"])
	}
	pages := look(t, addresses)
	for i, row := range exams {
		b := pages[i].Text
		if pages[i].Status != http.StatusOK {
			t.Errorf("page of %s: %d", row["study_instance_uid"], pages[i].Status)
			continue
		}
		shown := 0
		for _, e := range events {
			if e["study_instance_uid"] != row["study_instance_uid"] || e["examination"] != row["examination"] {
				continue
			}
			for column, unit := range map[string]string{"ctdivol_mgy": "mGy", "dlp_mgycm": "mGy"} {
				if e[column] == "" {
					continue
				}
				shown++
				// As written, so "415.82" or "415.820", with its unit behind it.
				want := regexp.MustCompile(`\b` + regexp.QuoteMeta(e[column]) + `(\.0+|0*)\s*` + "\u00a0?" + `\s*` + unit)
				if !strings.Contains(e[column], ".") {
					want = regexp.MustCompile(`\b` + regexp.QuoteMeta(e[column]) + `(\.0+)?\s*` + "\u00a0?" + `\s*` + unit)
				}
				if !want.MatchString(b) {
					t.Errorf("page of %s: %s %s of event %s is not there", row["study_instance_uid"], column, e[column], e["event_uid"])
				}
			}
		}
		if shown == 0 {
			t.Errorf("page of %s: no event with a dose", row["study_instance_uid"])
		}
	}
}

// TestStory is what the house is for: reports arrive from a real client, their
// numbers stand in the files, in the tables of the page and stay there.
func TestStory(t *testing.T) {
	t.Parallel()
	theirs, want := samples(t)
	ours := made(t)
	s := serve(t, filepath.Join(t.TempDir(), "data"), "--log-level", "debug")
	defer func() { noCanary(t, s.log()) }()
	if want == nil {
		t.Log("shared samples not found: only synthesised reports are tried")
	}
	all := slices.Concat(theirs, ours)
	if !storescu(t, s, all...) {
		t.Log("storescu not found: our own sender alone is tried")
	}
	send := func(to *server, files []string) {
		out := command(t, exitDone, append([]string{"send", "--to", "RADAGORA=" + to.dicom}, files...)...)
		if out != fmt.Sprintf("%d sent, 0 not\n", len(files)) {
			t.Errorf("send: %s", out)
		}
	}
	send(s, all)
	studies := 2
	if want != nil {
		studies += len(slices.Compact(slices.Sorted(maps.Values(want.study))))
		want.inJSON(t, theirs)
	}
	exams, events := tables(t, s, studies)
	if want != nil {
		want.inTables(t, exams, events)
	}
	inPages(t, s, exams, events)
	totals := map[string]string{}
	for _, row := range exams {
		totals[row["local_name"]] += row["events"] + " " + row["dlp_mgycm"] + " " + row["ctdivol_max_mgy"] + ";"
	}
	if got := totals["Chest Routine"]; got != "3 412.5 10.1;3 350 20;" && got != "3 350 20;3 412.5 10.1;" {
		t.Errorf("the synthesised studies = %q; want 3 events of 412.5 and 3 of 350 mGy.cm, at most 10.1 and 20 mGy", got)
	}

	// Again, in any order, and at another house in any order: the same.
	slices.Reverse(all)
	send(s, all)
	again, againEvents := tables(t, s, studies)
	if d := cmp.Diff(exams, again) + cmp.Diff(events, againEvents); d != "" {
		t.Errorf("sent twice is not the same: %s", d)
	}
	other := serve(t, filepath.Join(t.TempDir(), "data"))
	rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	send(other, all)
	again, againEvents = tables(t, other, studies)
	if d := cmp.Diff(exams, again) + cmp.Diff(events, againEvents); d != "" {
		t.Errorf("sent in the order %v is not the same: %s", all, d)
	}
	if err := other.stop(); err != nil {
		t.Errorf("serve after SIGTERM: %v; want exit code 0", err)
	}
	if got := other.log(); strings.Count(got, "ready:") != 1 {
		t.Errorf("the ready line does not stand once in %s", got)
	}
	if err := s.stop(); err != nil {
		t.Errorf("serve after SIGTERM: %v; want exit code 0", err)
	}
}

// A memory is what must outlive a rebuild: every number, and what people decided.
type memory struct {
	Exams, Events []map[string]string
	Human         []string
}

// inside opens the rooms of a data folder, which nobody else may have open.
func inside(t *testing.T, data string, do func(ctx context.Context, h *house)) {
	t.Helper()
	sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	h, err := settings{Data: data, HTTP: "127.0.0.1:8080"}.open(t.Context(), sys)
	check(t, err)
	defer func() { check(t, h.Close()) }()
	who, err := h.Users.Who(t.Context(), access.Local)
	check(t, err)
	do(access.With(t.Context(), who), h)
}

// remember reads the numbers by the page and the decisions from the rooms.
func remember(t *testing.T, data string, studies int) memory {
	t.Helper()
	s := serve(t, data)
	var m memory
	m.Exams, m.Events = tables(t, s, studies)
	check(t, s.stop())
	inside(t, data, func(ctx context.Context, h *house) {
		mappings, err := h.Dose.Mappings(ctx, site.Default)
		check(t, err)
		governing, err := h.Dose.Governing(ctx, site.Default)
		check(t, err)
		plan, err := h.Sites.Plan(ctx, h.DB, site.Default)
		check(t, err)
		findings, err := h.Findings.List(ctx, finding.Filter{Site: site.Default})
		check(t, err)
		for _, f := range findings {
			_, history, actions, err := h.Findings.Get(ctx, f.ID)
			check(t, err)
			m.Human = append(m.Human, fmt.Sprintf("%s %s %s %s %+v %+v", f.ID, f.State, f.Owner, f.Due, history, actions))
		}
		for _, x := range []any{mappings, governing, plan} {
			raw, err := json.Marshal(x)
			check(t, err)
			m.Human = append(m.Human, string(raw))
		}
	})
	return m
}

// TestRebuild forgets everything derived: no number and no decision changes.
func TestRebuild(t *testing.T) {
	slow(t)
	t.Parallel()
	data, today := filepath.Join(t.TempDir(), "data"), time.Now().AddDate(0, -1, 0).Format("20060102")
	dir := t.TempDir()
	for i := range 21 {
		name := fmt.Sprintf("r%d", i)
		b, err := reportMaker{day: today, protocol: "Chest Routine", serial: "R64-0001"}.file(name, name, fmt.Sprint(500+i), []string{fmt.Sprintf("%s:50:%d", name, 500+i)})
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, name+".dcm"), b, 0o600))
	}
	command(t, exitDone, "import", "--quiet", "--data", data, dir)
	command(t, exitDone, "content", "govern", "--data", data, "dose/level/ie_foley_2012", "--from", "2020-01-01")
	inside(t, data, func(ctx context.Context, h *house) {
		_, err := h.Dose.Approve(ctx, dose.Mapping{
			Site: site.Default, Name: "Chest Routine", Source: dose.FromProtocol, Exam: "CT_CHEST", ApprovedBy: access.Local,
		})
		check(t, err)
		check(t, h.meanwhile(ctx, h.settle))
		check(t, h.judge(ctx))
		plan, err := h.Sites.Plan(ctx, h.DB, site.Default)
		check(t, err)
		check(t, h.Sites.NameRoom(ctx, access.Local, site.Default, plan.Rooms[0].ID, "Emergency CT", ""))
		findings, err := h.Findings.List(ctx, finding.Filter{Site: site.Default})
		check(t, err)
		if len(findings) == 0 {
			t.Fatal("no finding: this test would prove little")
		}
		state, owner := finding.StateInWork, access.Local
		_, err = h.Findings.Decide(ctx, finding.Decision{ID: findings[0].ID, State: &state, Owner: &owner, Note: "asked the manufacturer"})
		check(t, err)
	})
	before := remember(t, data, 21)
	command(t, exitDone, "rebuild", "--data", data)
	if d := cmp.Diff(before, remember(t, data, 21)); d != "" {
		t.Errorf("a rebuild changes: %s", d)
	}
	if got := before.Exams[0]["room"] + " " + before.Exams[0]["exam_code"]; got != "Emergency CT CT_CHEST" {
		t.Errorf("the page says %q", got)
	}
	command(t, exitDone, "check", "--data", data)
}
