package main

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"radagora/content"
	"radagora/demo"
)

// storyDay is the last day of the year that the stories are looked for in: the
// change of levels on 1 July 2026 lies within, the gap is the quarter before it.
var storyDay = time.Date(2026, time.November, 21, 0, 0, 0, 0, time.UTC)

// TestDemoStories loads the small year and finds each planted story with what a
// person has: pages, their links and the tables on them.
func TestDemoStories(t *testing.T) {
	if testing.Short() {
		t.Skip("a year is loaded: left out of short tests, such as those under the race detector")
	}
	t.Parallel()
	library, err := content.Open()
	check(t, err)
	stories, err := demo.Stories(library)
	check(t, err)
	r := &reader{t: t, root: demoPages(t), read: map[string]string{}}
	for _, s := range stories {
		find, ok := storiesByPage[s.ID]
		if !ok {
			t.Errorf("nobody looks for the story %s: %s", s.ID, s.See)
			continue
		}
		t.Run(s.ID, func(t *testing.T) {
			r := *r // the pages that were read already stay read
			r.t = t
			find(t, &r, s)
		})
	}
	t.Run("audit improved", func(t *testing.T) {
		r := *r
		r.t = t
		auditImproved(t, &r)
	})
	if len(stories) != len(storiesByPage) {
		t.Errorf("%d stories are planted, %d are looked for", len(stories), len(storiesByPage))
	}
}

// auditImproved finds an audit that missed its target, and the one after it that met it.
func auditImproved(t *testing.T, r *reader) {
	t.Helper()
	// Rejected exposures by those of the window, as the page says it: "2 of 20".
	counted := regexp.MustCompile(`C07 Repeats and rejects closed (not met|met) (\d+) of (\d+) \(`).FindAllStringSubmatch(seenText(r.get("/quality/audits/1")), -1)
	if len(counted) != 2 {
		t.Fatalf("the page has %q; want the audit and its re-audit", counted)
	}
	for i, want := range []string{"not met", "met"} {
		rejected, err := strconv.Atoi(counted[i][2])
		check(t, err)
		of, err := strconv.Atoi(counted[i][3])
		check(t, err)
		if above := rejected*100 > 8*of; counted[i][1] != want || above != (want == "not met") {
			t.Errorf("audit %d: %s with %d of %d; want %s, at most 8 %%", i+1, counted[i][1], rejected, of, want)
		}
	}
}

// demoPages loads the small year and serves it until the test ends; it returns
// the address of the pages.
func demoPages(t *testing.T) string {
	t.Helper()
	began := time.Now()
	now := func() time.Time { return storyDay.Add(36*time.Hour + time.Since(began)) }
	data := filepath.Join(t.TempDir(), "data")
	var log bytes.Buffer
	load := []string{"--log-level", "error", "demo", "--size", "small", "--data", data}
	if code := run(t.Context(), load, &system{In: strings.NewReader(""), Out: &log, Err: &log, Now: now}); code != exitDone {
		t.Fatalf("demo: exit code %d\n%s", code, &log)
	}
	ctx, stop := context.WithCancel(t.Context())
	out, said := io.Pipe()
	ended := make(chan int, 1)
	var failed bytes.Buffer
	go func() {
		args := []string{"--log-level", "error", "serve", "--data", data, "--http", "127.0.0.1:0", "--dicom", "127.0.0.1:0", "--no-auth"}
		code := run(ctx, args, &system{In: strings.NewReader(""), Out: said, Err: &failed, Now: now})
		said.Close()
		ended <- code
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if code := <-ended; code != exitDone {
			t.Errorf("serve: exit code %d\n%s", code, &failed)
		}
	})
	line := make([]byte, 200)
	n, err := out.Read(line)
	check(t, err)
	go func() { _, _ = io.Copy(io.Discard, out) }() // what else the console says
	found := ready.FindSubmatch(bytes.TrimSpace(line[:n]))
	if found == nil {
		t.Fatalf("the ready line is %q", line[:n])
	}
	return "http://" + string(found[1])
}

// storiesByPage says where a person finds each story.
var storiesByPage = map[string]func(*testing.T, *reader, demo.Story){
	"drift": func(t *testing.T, r *reader, s demo.Story) {
		row := r.row(s, s.Room)
		var levels, medians []float64
		for _, m := range r.trend(row) {
			if v, ok := m.median[s.Room]; ok {
				medians, levels = append(medians, v), append(levels, m.level)
			}
		}
		if len(medians) < 8 {
			t.Fatalf("the trend has %d months", len(medians))
		}
		above := func(from, to int) (n int) {
			for i := from; i < to; i++ {
				if medians[i] > levels[i] {
					n++
				}
			}
			return n
		}
		n := len(medians)
		if first, last := above(0, 4), above(n-4, n); first > 1 || last < 3 || !strings.HasPrefix(row.state, "above") {
			t.Errorf("above the level in %d of the first four months and %d of the last; the row is %q", first, last, row.state)
		}
	},
	"room_above": func(t *testing.T, r *reader, s demo.Story) {
		row, other := r.row(s, s.Room), r.row(s, "CT 1")
		if row.state != "above, certain" || other.state != "at or below" {
			t.Errorf("%s is %q, CT 1 %q", s.Room, row.state, other.state)
		}
		called := s.Room + ", " + row.exam + ": the level is consistently exceeded"
		if today := seenText(r.get("/")); !strings.Contains(today, called) || strings.Contains(today, "CT 1, "+row.exam+": ") {
			t.Errorf("today does not say %q, or says something of CT 1", called)
		}
	},
	"quarter_gap": func(t *testing.T, r *reader, s demo.Story) {
		n := map[string]map[string]int{}
		for _, chart := range choices(r.get("/dose/ct"), "f-chart") {
			if !strings.HasSuffix(chart[1], "DLP") {
				continue
			}
			page := r.get("/dose/ct?chart=" + chart[0])
			for _, m := range trendOf(t, page) {
				for room, k := range m.n {
					if n[room] == nil {
						n[room] = map[string]int{}
					}
					n[room][m.month] += k
				}
			}
			drawn := strings.Contains(between(page, `<figure class="chart" id="trend">`, "</figure>"), s.Room+": no reports")
			if strings.HasPrefix(chart[1], "CT chest, adults") && !drawn {
				t.Errorf("the trend of %q draws no gap of %s", chart[1], s.Room)
			}
		}
		for month, want := range map[string]bool{"Mar 2026": true, "Apr 2026": false, "May 2026": false, "Jun 2026": false, "Jul 2026": true} {
			if got := n[s.Room][month] > 0; got != want || n["CT 1"][month] == 0 {
				t.Errorf("%s: %d examinations in %s, %d in CT 1", month, n[s.Room][month], s.Room, n["CT 1"][month])
			}
		}
	},
	"wrong_phantom": func(t *testing.T, r *reader, s demo.Story) {
		row, other := r.row(s, s.Room), r.row(s, "CT 1")
		if ratio := row.median / other.median; ratio < 0.4 || ratio > 0.6 || !strings.Contains(row.state, "low, check image quality") {
			t.Errorf("median %g in %s and %g in CT 1; the row is %q", row.median, s.Room, other.median, row.state)
		}
		for _, x := range []struct {
			row     levelRow
			phantom string
		}{{row, "32"}, {other, "16"}} {
			e := r.examination(r.examinations(x.row)[0].href)
			if len(e.phantoms[s.Name]) == 0 {
				t.Errorf("%s: no phantom stands at %s", x.row.room, s.Name)
			}
			for _, p := range e.phantoms[s.Name] {
				if !strings.Contains(p, x.phantom) {
					t.Errorf("%s: phantom %q; want %s cm", x.row.room, p, x.phantom)
				}
			}
		}
	},
	"no_size": func(t *testing.T, r *reader, s demo.Story) {
		rows := map[string]int{}
		for _, row := range r.rows("/dose/ct") {
			if !strings.HasPrefix(row.size, "adults") || row.quantity != "DLP" {
				continue
			}
			k, n := row.unknown(t)
			rows[row.room]++
			switch {
			case row.room == s.Room && (k*2 < n || n == 0): // of some another room said the weight
				t.Errorf("%s, %s: size unknown %d of %d", row.room, row.exam, k, n)
			case row.room == "CT 1" && n > 20 && k*10 > n+10:
				t.Errorf("CT 1, %s: size unknown %d of %d", row.exam, k, n)
			}
		}
		if rows[s.Room] == 0 || rows["CT 1"] == 0 {
			t.Errorf("rows of adults: %v", rows)
		}
	},
	"unmapped": func(t *testing.T, r *reader, s demo.Story) {
		page := r.get("/dose/mapping")
		first := 0
		// Protocol and procedure of the same examinations stand side by side, among the names
		// of the other rooms.
		for i, c := range cells(between(page, `id="names"`, "</table>")) {
			if i <= 8 && c[0] == s.Name && strings.HasPrefix(c[2], s.Room) {
				first = int(leading(t, c[3]))
			}
		}
		if first < 20 {
			t.Errorf("%s is not at the head of the list, or borne by %d examinations", s.Name, first)
		}
		if today := seenText(r.get("/")); !strings.Contains(today, "bear names nobody has mapped") {
			t.Error("today does not ask to map names")
		}
		for _, x := range r.everything() {
			if x.protocol == s.Name {
				t.Errorf("%s stands in the row %s", x.href, x.row.exam)
			}
		}
	},
	"split": func(t *testing.T, r *reader, s demo.Story) {
		all, found := r.everything(), 0
		for _, x := range r.examinations(r.row(withMeasure(s, "dlp"), s.Room)) {
			for _, other := range all {
				if other.study() != x.study() || other.href == x.href {
					continue
				}
				found++
				if other.row.exam != r.exam("CT_HEAD") {
					t.Errorf("the other examination of the study is %q", other.row.exam)
				}
				for _, href := range []string{x.href, other.href} {
					if e := r.examination(href); e.assigned != "by the order’s number" || e.reports < 2 {
						t.Errorf("%s is assigned %q, from %d reports", href, e.assigned, e.reports)
					}
				}
			}
		}
		if found == 0 {
			t.Error("no study has two examinations")
		}
	},
	"inseparable": func(t *testing.T, r *reader, s demo.Story) {
		line, all := r.apart()
		found, events := 0, 0
		for _, x := range all {
			if !strings.Contains(x.why, "belong to no examination without doubt") {
				continue
			}
			events += int(leading(t, x.why))
			if x.study != s.Name || x.room != s.Room {
				continue
			}
			found++
			if e := r.examination(x.href); e.events == 0 || !e.left {
				t.Errorf("%s shows %d events, in no median: %v", x.href, e.events, e.left)
			}
			for _, y := range r.everything() {
				if strings.HasPrefix(strings.TrimPrefix(x.href, "/dose/examinations/"), y.study()+"_") {
					t.Errorf("%s stands in the row %s", x.href, y.row.exam)
				}
			}
		}
		if want := fmt.Sprintf("%d events belong to no examination without doubt", events); found == 0 || !strings.Contains(line, want) {
			t.Errorf("%d studies %q; the dose page says %q, want %q", found, s.Name, line, want)
		}
	},
	"superseded": func(t *testing.T, r *reader, s demo.Story) {
		months := map[string]trendMonth{}
		for _, m := range r.trend(r.row(s, s.Room)) {
			months[m.month] = m
		}
		before, after := months["Jun 2026"], months["Jul 2026"]
		if !strings.HasSuffix(before.set, "DEMO 2024") || !strings.HasSuffix(after.set, "DEMO 2025") || after.level >= before.level {
			t.Errorf("June %q, July %q", before.set, after.set)
		}
	},
	"phantom_studies": func(t *testing.T, r *reader, s demo.Story) {
		line, all := r.apart()
		n, here := 0, 0
		for _, x := range all {
			if !strings.HasPrefix(x.why, "not of a patient: phantom*") {
				continue
			}
			n++
			if x.room == s.Room {
				here++
			}
			if e := r.examination(x.href); len(e.phantoms[s.Name]) == 0 || !e.left {
				t.Errorf("%s: protocols %v, in no median: %v", x.href, e.phantoms, e.left)
			}
			for _, y := range r.everything() {
				if y.href == x.href {
					t.Errorf("%s stands in the row %s", x.href, y.row.exam)
				}
			}
		}
		if want := fmt.Sprintf("%d studies are not of a patient", n); here == 0 || !strings.Contains(line, want) {
			t.Errorf("%d studies of a phantom, %d in %s; the dose page says %q", n, here, s.Room, line)
		}
	},
	"cumulative": func(t *testing.T, r *reader, s demo.Story) {
		all, several := r.everything(), 0
		parts := map[string]int{}
		for _, x := range all {
			parts[x.study()]++
		}
		for _, x := range all {
			if x.row.room != s.Room || parts[x.study()] > 1 {
				continue
			}
			e := r.examination(x.href)
			if e.reports < 2 {
				continue
			}
			several++
			if e.reports-e.superseded != 1 || e.declared != e.summed || e.declared != x.value {
				t.Errorf("%s: %d of %d reports superseded; declared %q, summed %q, in the list %q", x.href, e.superseded, e.reports, e.declared, e.summed, x.value)
			}
		}
		if several < 5 {
			t.Errorf("%d studies have several reports", several)
		}
	},
	"assumed": func(t *testing.T, r *reader, s demo.Story) {
		for _, room := range []string{s.Room, "CT 2"} {
			if row := r.row(s, room); row.state != "not compared" || !strings.HasPrefix(row.level, "–") {
				t.Errorf("%s: %q beside %q; want not compared", room, row.state, row.level)
			}
		}
		s.KnownBy = "protocol"
		row := r.row(s, s.Room)
		if leading(t, row.level) == 0 || !slices.Contains([]string{"at or below", "above, certain", "above, not certain"}, row.state) {
			t.Errorf("the protocol for this indication is %q beside %q", row.state, row.level)
		}
	},
}

// withMeasure returns a story about a quantity.
func withMeasure(s demo.Story, m string) demo.Story {
	s.Measure = m
	return s
}

// A reader opens pages as a person would, each once.
type reader struct {
	t    *testing.T
	root string
	read map[string]string
}

// get returns a page in English.
func (r *reader) get(path string) string {
	r.t.Helper()
	path, _, _ = strings.Cut(path, "#")
	if page, ok := r.read[path]; ok {
		return page
	}
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.root+path, http.NoBody)
	check(r.t, err)
	q.Header.Set("Accept-Language", "en")
	res, err := http.DefaultClient.Do(q)
	check(r.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	check(r.t, err)
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s", path, res.Status)
	}
	r.read[path] = string(b)
	return r.read[path]
}

// A levelRow is a row of the table of medians beside their levels.
type levelRow struct {
	href, exam, indication, room, size, quantity, level, state string
	median                                                     float64
}

// rows reads the table of medians of a page.
func (r *reader) rows(path string) []levelRow {
	r.t.Helper()
	var all []levelRow
	for _, tr := range rawRows(between(r.get(path), `id="levels"`, "</table>"))[1:] {
		first, place := spans(tr[0]), spans(tr[1])
		row := levelRow{
			href: link(tr[0], "/dose/ct?"), exam: first[0], indication: first[1], room: place[0], size: place[1],
			level: seenText(tr[7]), state: unproved(seenText(tr[8])),
		}
		if said := sentenceOf.FindStringSubmatch(html.UnescapeString(tr[5])); said != nil {
			row.quantity, row.median = said[1], leading(r.t, said[2])
		}
		all = append(all, row)
	}
	return all
}

// sentenceOf finds quantity and median in the sentence of a glyph.
var sentenceOf = regexp.MustCompile(`aria-label="Median (\S+) ([\d.,]+)`)

// unknown returns of how many of its examinations nobody knows the size.
func (row levelRow) unknown(t *testing.T) (k, n int) {
	t.Helper()
	if said := regexp.MustCompile(`size unknown \((\d+) of (\d+)\)`).FindStringSubmatch(row.size); said != nil {
		return int(leading(t, said[1])), int(leading(t, said[2]))
	}
	return 0, 100 // the page counts those that are unknown, and there are none
}

// row returns the row of adults that a story is about, in a room.
func (r *reader) row(s demo.Story, room string) levelRow {
	r.t.Helper()
	page := r.get("/dose/ct")
	q := url.Values{"exam": {s.Exam}}
	for _, c := range choices(page, "f-room") {
		if c[1] == room {
			q.Set("room", c[0])
		}
	}
	indication := "no indication named"
	if s.Indication != "" {
		indication = labelled(r.get("/dose/mapping"), s.Indication) + " " + s.KnownBy
	}
	quantity := map[string]string{"dlp": "DLP", "ctdivol": "CTDIvol"}[s.Measure]
	var found []levelRow
	for _, row := range r.rows("/dose/ct?" + q.Encode()) {
		if row.room == room && row.indication == indication && row.quantity == quantity && strings.HasPrefix(row.size, "adults") {
			found = append(found, row)
		}
	}
	if len(found) != 1 || q.Get("room") == "" {
		r.t.Fatalf("%d rows of %s, %s, %s, %s", len(found), room, s.Exam, indication, quantity)
	}
	return found[0]
}

// exam returns the name of an examination.
func (r *reader) exam(code string) string { return labelled(r.get("/dose/ct"), code) }

// A trendMonth is a month of a trend.
type trendMonth struct {
	month  string
	median map[string]float64 // by room
	n      map[string]int
	set    string // the level as it is named
	level  float64
}

// trend follows a row to its drawer and from there to its charts.
func (r *reader) trend(row levelRow) []trendMonth {
	r.t.Helper()
	drawer := between(r.get(row.href), `<aside class="drawer"`, "</aside>")
	for _, href := range links(drawer) {
		if strings.HasSuffix(href, "#move") {
			return trendOf(r.t, r.get(href))
		}
	}
	r.t.Fatalf("no link to the charts of %s", row.href)
	return nil
}

// trendOf reads the table of the trend of a page.
func trendOf(t *testing.T, page string) []trendMonth {
	t.Helper()
	table := cells(between(page, `<figure class="chart" id="trend">`, "</figure>"))
	if len(table) < 2 {
		t.Fatal("no table of the trend")
	}
	var all []trendMonth
	for _, c := range table[1:] {
		m := trendMonth{month: c[0], median: map[string]float64{}, n: map[string]int{}}
		for i := 1; i < len(c); i++ {
			switch head := table[0][i]; {
			case head == "Level":
				if m.set = c[i]; strings.HasPrefix(m.set, "level ") {
					m.level = leading(t, strings.TrimPrefix(m.set, "level "))
				}
			case head != "n" && c[i] != "–":
				m.median[head], m.n[head] = leading(t, c[i]), int(leading(t, c[i+1]))
			}
		}
		all = append(all, m)
	}
	return all
}

// A listed is an examination in the list of a row.
type listed struct {
	row                   levelRow
	href, protocol, value string
}

// study returns the study of an examination, as its address has it.
func (x listed) study() string {
	study, _, _ := strings.Cut(strings.TrimPrefix(x.href, "/dose/examinations/"), "_")
	return study
}

// examinations follows a row to its examinations, page after page.
func (r *reader) examinations(row levelRow) []listed {
	r.t.Helper()
	next := link(between(r.get(row.href), `<aside class="drawer"`, "</aside>"), "/dose/ct/rows/")
	var all []listed
	for next != "" {
		page := r.get(next)
		for _, tr := range rawRows(between(page, `id="examinations"`, "</table>"))[1:] {
			all = append(all, listed{row: row, href: link(tr[0], "/dose/examinations/"), protocol: seenText(tr[1]), value: seenText(tr[3])})
		}
		next = ""
		for _, href := range links(between(page, `<nav class="pager"`, "</nav>")) {
			if strings.Contains(href, "after=") {
				next = href
			}
		}
	}
	if len(all) == 0 {
		r.t.Fatalf("no examination behind %s", row.href)
	}
	return all
}

// everything returns the examinations of all rows.
func (r *reader) everything() []listed {
	r.t.Helper()
	var all []listed
	for _, row := range r.rows("/dose/ct") {
		if row.quantity == "DLP" {
			all = append(all, r.examinations(row)...)
		}
	}
	return all
}

// An examined is what the page of an examination says.
type examined struct {
	assigned            string
	left                bool // it is in no median
	events              int
	reports, superseded int
	declared, summed    string              // DLP
	phantoms            map[string][]string // by the protocol of the event
}

// examination opens the page of an examination.
func (r *reader) examination(href string) examined {
	r.t.Helper()
	page := r.get(href)
	e := examined{left: strings.Contains(page, "This examination is in no median"), phantoms: map[string][]string{}}
	facts := between(page, `aria-labelledby="what"`, "</section>")
	e.assigned = seenText(between(facts, "<dt>Assigned</dt>", "</div>"))
	sources := between(page, `aria-labelledby="sources"`, "</section>")
	e.reports, e.superseded = strings.Count(sources, `href="/images/objects/`), strings.Count(sources, ">superseded<")
	for i, table := range strings.Split(between(page, `aria-labelledby="totals"`, "</section>"), "<table")[1:] {
		for _, c := range cells(table) {
			if c[0] == "DLP" && i == 0 {
				e.declared = number.FindString(c[1])
			} else if c[0] == "DLP" {
				e.summed = number.FindString(c[1])
			}
		}
	}
	for _, event := range strings.Split(between(page, `<ol class="events">`, "</ol>"), "<li>")[1:] {
		e.events++
		protocol := seenText(between(event, `<span class="soft">`, "</span>"))
		for _, c := range cells(event) {
			if c[0] == "Phantom" {
				e.phantoms[protocol] = append(e.phantoms[protocol], c[1])
			}
		}
	}
	return e
}

// An apart is a study that is set apart, as the page lists it.
type apart struct{ href, room, study, why string }

// apart reads what the dose page says of studies that are set apart, and follows
// its link to the list of them.
func (r *reader) apart() (line string, all []apart) {
	r.t.Helper()
	page := r.get("/dose/ct")
	href := link(page, "/dose/ct/apart")
	if href == "" {
		r.t.Fatal("the dose page has no link to what is set apart")
	}
	line = seenText(page[:strings.Index(page, `href="`+href)])
	line = line[max(0, len(line)-300):]
	for _, tr := range rawRows(between(r.get(href), `id="apart"`, "</table>"))[1:] {
		all = append(all, apart{href: link(tr[0], "/dose/examinations/"), room: seenText(tr[1]), study: seenText(tr[2]), why: seenText(tr[4])})
	}
	return line, all
}

// The parts of a page that are told apart here.
var (
	rowTag    = regexp.MustCompile(`(?s)<tr[ >].*?</tr>`)
	cellTag   = regexp.MustCompile(`(?s)<t[hd][ >].*?</t[hd]>`)
	hrefs     = regexp.MustCompile(`href="([^"]*)"`)
	quietTags = regexp.MustCompile(`(?s)<(svg|script|style)[ >].*?</(svg|script|style)>`)
	tags      = regexp.MustCompile(`<[^>]*>`)
	number    = regexp.MustCompile(`^[\d.,]+`)
)

// between returns what stands between the first mark and the next end, "" if
// there is none.
func between(page, mark, end string) string {
	_, after, _ := strings.Cut(page, mark)
	part, _, ok := strings.Cut(after, end)
	if !ok {
		return ""
	}
	return part
}

// seenText returns the text of a part of a page.
func seenText(part string) string {
	part = tags.ReplaceAllString(quietTags.ReplaceAllString(part, " "), " ")
	return strings.Join(strings.Fields(strings.ReplaceAll(html.UnescapeString(part), "\u2060", "")), " ")
}

// spans returns the lines of a cell.
func spans(cell string) []string {
	var all []string
	for line := range strings.SplitSeq(cell, `<span class="second`) {
		line = strings.TrimLeft(line, `">`)
		if i := strings.Index(line, `<span class="tag">`); len(all) == 0 && i >= 0 {
			line = line[:i] // the quantity may stand beside the name
		}
		all = append(all, seenText(line))
	}
	return append(all, "", "")
}

// rawRows returns the cells of the rows of a table, the head first, with tags.
func rawRows(table string) [][]string {
	all := [][]string{}
	for _, tr := range rowTag.FindAllString(table, -1) {
		all = append(all, cellTag.FindAllString(tr, -1))
	}
	if len(all) == 0 {
		return [][]string{nil} // the head is always there
	}
	return all
}

// cells returns the cells of the rows of a table as text.
func cells(table string) [][]string {
	raw := rawRows(table)
	all := make([][]string, len(raw))
	for i, tr := range raw {
		for _, c := range tr {
			all[i] = append(all[i], seenText(c))
		}
		if len(tr) == 0 {
			all[i] = []string{""}
		}
	}
	return all
}

// links returns the addresses that a part of a page leads to.
func links(part string) []string {
	var all []string
	for _, m := range hrefs.FindAllStringSubmatch(part, -1) {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

// link returns the first address that begins so, "" if there is none.
func link(part, begin string) string {
	for _, href := range links(part) {
		if strings.HasPrefix(href, begin) {
			return href
		}
	}
	return ""
}

// choices returns code and label of what can be chosen in a field.
func choices(page, id string) [][2]string {
	var all [][2]string
	for _, o := range strings.Split(between(page, `id="`+id+`"`, "</select>"), "<option ")[1:] {
		all = append(all, [2]string{between(o, `value="`, `"`), seenText("<option " + o)})
	}
	return all
}

// labelled returns the label of a code that can be chosen on a page.
func labelled(page, code string) string {
	return seenText(between(page, `<option value="`+code+`">`, "</option>"))
}

// leading returns the number that a text begins with.
func leading(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.ReplaceAll(number.FindString(text), ",", ""), 64)
	if err != nil {
		t.Fatalf("%q begins with no number", text)
	}
	return n
}

// unproved takes from a state that the doses of the device were not accepted yet: nobody
// has tested those of the demonstration.
func unproved(state string) string { return strings.TrimSuffix(state, " not accepted yet") }
