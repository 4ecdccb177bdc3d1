package dose

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"radagora/dicom/uid"
)

// A Study is what the reports of one study say together, each irradiation counted
// once. It is the same whatever the order in which the reports arrived.
type Study struct {
	UID     uid.UID
	Reports []*Report // that count, the earliest first
	Ignored []Ignored // that do not count for dose
	Events  []*Event  // of the reports that count, each once
	Totals  Sums      // declared totals; those in Computed are sums of events
	Summed  Sums      // over Events

	// Computed are the fields of Totals that are sums of events, in part or all,
	// because a report declares none or reports overlap.
	Computed []Field

	Warnings []Warning
}

// An Ignored is a report that tells of no event another one does not tell of.
type Ignored struct {
	Report *Report
	Reason Reason
	By     *Report // the report that counts instead
}

// A Reason says why a report does not count.
type Reason string

// The reasons for which a report does not count.
const (
	Equal      Reason = "equal"      // it has the same events as another
	Superseded Reason = "superseded" // its events are among those of a later, cumulative one
	Reported   Reason = "reported"   // of an image: a dose report tells of its irradiation
)

// keys gives every event the key it is known by: its UID and plane, or else
// device, start, plane, protocol and dose. Events that share one within a report
// are counted through, so that none is lost; it returns where those stand.
func (r *Report) keys() (twice []string) {
	seen := map[string]int{}
	for _, e := range r.Events {
		k := e.UID.String()
		if k == "" {
			k = strings.Join([]string{"?", r.device(), e.Started.String(), e.Protocol, e.dose()}, "|")
		}
		if e.Plane == "B" {
			k += "|B"
		}
		seen[k]++
		if n := seen[k]; n > 1 {
			k += "#" + strconv.Itoa(n)
			twice = append(twice, e.Path)
		}
		e.Key = k
	}
	return twice
}

// device returns what the device of a report is known by.
func (r *Report) device() string {
	for _, d := range append([]Device{r.Device}, r.Devices...) {
		if d.Serial != "" {
			return d.Serial
		}
		if d.UID != "" {
			return d.UID
		}
	}
	return strings.Join([]string{r.Device.Manufacturer, r.Device.Model, r.Device.Name}, "|")
}

// dose returns the dose that identifies an event without a UID.
func (e *Event) dose() string {
	for _, f := range []Field{FieldDAP, FieldDLP, FieldRP, FieldAGD, FieldActivity} {
		if n, ok := e.Number(f); ok {
			return string(f) + "=" + n.String()
		}
	}
	return ""
}

// Join puts reports together by study and decides which of them count. The event
// is what is counted: a report whose events another one has too does not count, a
// report that has more replaces it, reports that share nothing are added, and of
// reports that share some the events are united and the totals computed from
// them. Studies come in the order of their UIDs; a report without Study Instance
// UID is a study of its own. It does not modify the reports.
func Join(reports []*Report) []*Study {
	groups := map[string][]*Report{}
	for _, r := range reports {
		k := r.Study.String()
		if k == "" {
			k = "?" + r.SOPInstance.String()
		}
		groups[k] = append(groups[k], r)
	}
	var studies []*Study
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		studies = append(studies, join(groups[k]))
	}
	across(studies)
	return studies
}

// join puts together the reports of one study.
func join(reports []*Report) *Study {
	reports = slices.Clone(reports)
	slices.SortFunc(reports, earlier)
	s := &Study{UID: reports[0].Study, Totals: Sums{}}
	w := &warnings{}
	sent, entries := enteredApart(reports)
	counting, fills := s.withImages(sent, w)
	counting = s.withEntries(counting, entries)
	slices.SortFunc(counting, earlier)
	s.choose(counting, w)
	for _, part := range components(s.Reports) {
		s.unite(part, w)
	}
	s.filled(fills)
	s.Summed = summed(s.Events)
	samePatient(reports, w)
	s.Warnings = w.list
	return s
}

// earlier orders reports by what they are, never by when they arrived: by time of
// content, then by UID, then by how much they say.
func earlier(a, b *Report) int {
	c := cmp.Or(
		cmp.Compare(a.Content.Local, b.Content.Local),
		cmp.Compare(a.SOPInstance.String(), b.SOPInstance.String()),
		cmp.Compare(len(b.Events), len(a.Events)),
	)
	if c == 0 && a != b {
		c = cmp.Compare(a.fingerprint(), b.fingerprint())
	}
	return c
}

// fingerprint tells reports apart that bear the same UID.
func (r *Report) fingerprint() string {
	var b strings.Builder
	for _, e := range r.Events {
		b.WriteString(e.Key + "=" + e.dose() + ";")
	}
	for _, t := range r.Totals {
		for _, v := range t.Values {
			b.WriteString(string(v.Field) + "=" + v.Raw + ";")
		}
	}
	return b.String()
}

// eventSet returns the keys of the events of a report.
func (r *Report) eventSet() map[string]*Event {
	m := make(map[string]*Event, len(r.Events))
	for _, e := range r.Events {
		m[e.Key] = e
	}
	return m
}

// A candidate is a report with the set of its events.
type candidate struct {
	report *Report
	events map[string]*Event
}

// choose sorts the reports, which come earliest first, into those that count and
// those that do not. The largest are looked at first, so that a report need only
// be held against those that count.
func (s *Study) choose(reports []*Report, w *warnings) {
	all := make([]candidate, len(reports))
	for i, r := range reports {
		all[i] = candidate{r, r.eventSet()}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(len(b.events), len(a.events)) })
	var counting []candidate
	for _, c := range all {
		i := slices.IndexFunc(counting, func(big candidate) bool {
			return big.report.Kind == c.report.Kind && within(c.events, big.events)
		})
		if i < 0 {
			counting = append(counting, c)
			s.Reports = append(s.Reports, c.report)
			continue
		}
		reason := Superseded
		if len(c.events) == len(counting[i].events) {
			reason = Equal
		}
		s.Ignored = append(s.Ignored, Ignored{Report: c.report, Reason: reason, By: counting[i].report})
	}
	slices.SortStableFunc(s.Reports, earlier)
	slices.SortStableFunc(s.Ignored, func(a, b Ignored) int { return earlier(a.Report, b.Report) })
	for _, i := range s.Ignored {
		if i.Reason != Reported && i.Reason != Replaced {
			w.add("", WarnSuperseded, i.Report.SOPInstance, i.By.SOPInstance)
		}
	}
}

// within reports whether all events of a are in b.
func within(a, b map[string]*Event) bool {
	for k := range a {
		if _, ok := b[k]; !ok {
			return false
		}
	}
	return true
}

// components groups reports, which come earliest first, that share events,
// directly or through others; the groups in the order of their first members.
func components(reports []*Report) [][]*Report {
	group := make([]int, len(reports)) // the first report each one is connected with
	var find func(i int) int
	find = func(i int) int {
		if group[i] != i {
			group[i] = find(group[i])
		}
		return group[i]
	}
	holder := map[string]int{}
	for i, r := range reports {
		group[i] = i
		for _, e := range r.Events {
			j, ok := holder[e.Key]
			if !ok {
				holder[e.Key] = i
				continue
			}
			a, b := find(i), find(j)
			group[max(a, b)] = min(a, b)
		}
	}
	var parts [][]*Report
	at := map[int]int{}
	for i, r := range reports {
		first := find(i)
		if _, ok := at[first]; !ok {
			at[first] = len(parts)
			parts = append(parts, nil)
		}
		parts[at[first]] = append(parts[at[first]], r)
	}
	return parts
}

// unite adds reports that share events, or one report that shares none, to the
// study.
func (s *Study) unite(part []*Report, w *warnings) {
	if len(part) == 1 {
		s.Events = append(s.Events, part[0].Events...)
		sums := part[0].DeclaredTotals()
		for f, n := range part[0].Summed() {
			if _, declared := sums[f]; !declared {
				sums[f] = n
				s.computed(f)
			}
		}
		for f, n := range sums {
			s.Totals.add(f, n)
		}
		return
	}
	w.add("", WarnOverlap)
	known := map[string]*Event{}
	var events []*Event
	for _, r := range part {
		for _, e := range r.Events {
			if have, ok := known[e.Key]; ok {
				if have.dose() != e.dose() {
					w.add("", WarnEventDiffers, e.Key)
				}
				continue
			}
			known[e.Key] = e
			events = append(events, e)
		}
	}
	s.Events = append(s.Events, events...)
	for f, n := range summed(events) {
		s.Totals.add(f, n)
		s.computed(f)
	}
}

// computed notes that the total of f is a sum of events.
func (s *Study) computed(f Field) {
	if !slices.Contains(s.Computed, f) {
		s.Computed = append(s.Computed, f)
		slices.Sort(s.Computed)
	}
}

// samePatient warns if reports of one study name different patients.
func samePatient(reports []*Report, w *warnings) {
	for _, r := range reports {
		if same, known := r.Patient.Same(reports[0].Patient); known && !same {
			w.add("", WarnIdentity)
			return
		}
	}
}

// A holder is a report of a study that tells of an event.
type holder struct {
	study  *Study
	report *Report
}

// across warns of events that are in several studies: a study sent under two
// UIDs, or one event of two patients.
func across(studies []*Study) {
	holders := map[string][]holder{}
	for _, s := range studies {
		for _, r := range s.Reports {
			for _, e := range r.Events {
				if !e.UID.IsZero() {
					holders[e.Key] = append(holders[e.Key], holder{s, r})
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(holders)) {
		all := holders[k]
		several, strangers := false, false
		for _, h := range all {
			several = several || h.study != all[0].study
			same, known := h.report.Patient.Same(all[0].report.Patient)
			strangers = strangers || known && !same
		}
		for _, h := range all {
			if several {
				h.study.warnOnce(Warning{Code: WarnDuplicate, Args: []any{k}})
			}
			if several && strangers {
				h.study.warnOnce(Warning{Code: WarnIdentity})
			}
		}
	}
}

// warnOnce adds a warning unless the study has it.
func (s *Study) warnOnce(w Warning) {
	for _, have := range s.Warnings {
		if have.Code == w.Code && slices.Equal(have.Args, w.Args) {
			return
		}
	}
	s.Warnings = append(s.Warnings, w)
}
