package dose

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/dicom/uid"
	"radagora/ucum"
)

// flagImage marks a value of a dose report's event that the header of an image told.
const flagImage = "from_image"

// An irradiation is one event as images tell of it.
type irradiation struct {
	kind   Kind
	event  *Event
	images []*Report // the one that speaks first
}

// deviationIndex returns ten times the decimal logarithm of the ratio of exposure
// index and target, to three digits (IEC 62494-1).
func deviationIndex(index, target ucum.Decimal) ucum.Decimal {
	text := strconv.FormatFloat(10*math.Log10(index.Float()/target.Float()), 'f', 3, 64)
	d, err := ucum.ParseDecimal(text)
	if err != nil { // infinite: one of them has no float
		return ucum.Decimal{}
	}
	return d
}

// apart splits reports into dose reports and images.
func apart(all []*Report) (reports, images []*Report) {
	for _, r := range all {
		if r.Class == FromImage {
			images = append(images, r)
		} else {
			reports = append(reports, r)
		}
	}
	return reports, images
}

// irradiations makes one event of the images of each irradiation. It is the same
// whatever the order of the images.
func irradiations(images []*Report, w *warnings) (all []irradiation) {
	images = slices.Clone(images)
	slices.SortFunc(images, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.SOPInstance.String(), b.SOPInstance.String()))
	})
	var taken []sighting
	for _, r := range images {
		for _, e := range r.Events {
			taken = append(taken, sighting{r, e})
		}
	}
	groups := newGroups(len(taken))
	for i, s := range taken {
		if s.report.derived() {
			continue // it shows several irradiations, which others tell of
		}
		for _, k := range s.keys() {
			groups.tie(k, i)
		}
	}
	known := map[string]bool{}
	for _, s := range taken {
		if !s.report.derived() {
			known[s.report.SOPInstance.String()] = true
			known[s.event.UID.String()] = true
		}
	}
	for _, members := range groups.all() {
		var g []sighting
		for _, i := range members {
			if s := taken[i]; !s.report.derived() || !s.report.toldOf(known) {
				g = append(g, s)
			}
		}
		if len(g) > 0 {
			all = append(all, merged(g, w))
		}
	}
	return all
}

// rank orders the images of one irradiation: what the detector gave comes before
// what was made of it.
func (r *Report) rank() int {
	for _, e := range r.Events {
		if strings.EqualFold(e.Values.Text("presentation"), "FOR PROCESSING") {
			return 0
		}
	}
	return 1
}

// derived reports whether an image was made of several irradiations.
func (r *Report) derived() bool {
	return r.Kind != Nuclear && (len(r.image.events) > 1 || len(r.image.sources) > 1)
}

// toldOf reports whether everything that an image was made of is known.
func (r *Report) toldOf(known map[string]bool) bool {
	from := append(slices.Clone(r.image.events), r.image.sources...)
	return !slices.ContainsFunc(from, func(u uid.UID) bool { return !known[u.String()] })
}

// A sighting is one event of one image.
type sighting struct {
	report *Report
	event  *Event
}

// keys returns by what an event of an image is known: images that share one are of
// the same irradiation (dose brief 4.1).
func (s sighting) keys() (all []string) {
	e, r := s.event, s.report
	kind := string(r.Kind) + "|"
	if !e.UID.IsZero() {
		all = append(all, kind+"uid|"+e.UID.String())
	}
	switch r.Kind {
	case Nuclear:
		if e.UID.IsZero() {
			all = append(all, kind+"given|"+e.nuclide()+"|"+e.dose())
		}
	case CT:
		if e.UID.IsZero() {
			all = append(all, kind+"series|"+r.image.series.String()+"|"+r.image.acquisition)
			if dose := e.number(FieldCTDIvol); dose != "" && r.image.acquisition != "" { // another reconstruction
				all = append(all, strings.Join([]string{kind + "scan", r.device(), r.image.acquisition, dose, e.number(FieldKVP), e.Protocol}, "|"))
			}
		}
	default:
		all = append(all, kind+"sop|"+r.SOPInstance.String())
		for _, u := range r.image.sources {
			all = append(all, kind+"sop|"+u.String())
		}
		if e.UID.IsZero() && len(e.Started.Local) > len("2026-03-01") && e.number(FieldKVP) != "" && e.number(FieldCharge) != "" {
			all = append(all, strings.Join([]string{
				kind + "shot", r.device(), e.Started.Local, e.Laterality, r.image.view, e.number(FieldKVP), e.number(FieldCharge),
			}, "|"))
		}
	}
	return all
}

// number returns the number of a field as text, "" if it is unknown.
func (e *Event) number(f Field) string {
	if n, ok := e.Number(f); ok {
		return n.String()
	}
	return ""
}

// nuclide returns what the radionuclide of an administration is known by: its
// SNOMED CT code, or the code or text as written.
func (e *Event) nuclide() string {
	v, _ := e.Values.Find("nuclide")
	return cmp.Or(v.Coded.SCT.Value, v.Coded.Written.Value, v.Text)
}

// merged makes one event of what images of it say: of each field the first that
// knows it.
func merged(group []sighting, w *warnings) irradiation {
	first := group[0]
	e := *first.event
	e.Values = slices.Clone(e.Values)
	one := irradiation{kind: first.report.Kind, event: &e}
	doses := map[string]bool{}
	for _, s := range group {
		if !slices.Contains(one.images, s.report) {
			one.images = append(one.images, s.report)
		}
		if d := s.event.dose(); d != "" {
			doses[d] = true
		}
		if s.event != first.event {
			e.fill(s.event, "")
		}
	}
	if one.kind == CT {
		e.averaged(group, w)
	} else if len(doses) > 1 {
		w.add("", WarnEventDiffers, e.Key)
	}
	return one
}

// fill adds what other knows and e does not; flag marks it, unless it is "".
func (e *Event) fill(other *Event, flag string) {
	for _, v := range other.Values {
		if have, ok := e.Values.Find(v.Field); ok && have.told() || !v.told() {
			continue
		}
		if flag != "" {
			v.Flags = append(slices.Clone(v.Flags), flag)
		}
		e.Values = append(e.Values, v)
	}
	if e.UID.IsZero() {
		e.UID = other.UID
	}
	if e.Started.IsZero() {
		e.Started = other.Started
	}
	if e.Region.IsZero() && e.Region.Written.Meaning == "" {
		e.Region = other.Region
	}
	e.Type = cmp.Or(e.Type, other.Type)
	e.Protocol = cmp.Or(e.Protocol, other.Protocol)
	e.Phantom = cmp.Or(e.Phantom, other.Phantom)
	e.Laterality = cmp.Or(e.Laterality, other.Laterality)
}

// told reports whether a value says anything.
func (v Value) told() bool { return v.Number != nil || v.String() != "" }

// averaged gives the event of a CT acquisition the mean of the CTDIvol of its
// images, where they differ: with a modulated tube current each image has its own.
func (e *Event) averaged(group []sighting, w *warnings) {
	sum, n, differ := ucum.Decimal{}, int64(0), false
	at := slices.IndexFunc(e.Values, func(v Value) bool { return v.Field == FieldCTDIvol && v.Number != nil })
	if at < 0 {
		return
	}
	for _, s := range group {
		if d, ok := s.event.Number(FieldCTDIvol); ok {
			sum, n = sum.Add(d), n+1
			differ = differ || d.Cmp(*e.Values[at].Number) != 0
		}
	}
	if !differ {
		return
	}
	v := e.Values[at]
	v.Flags = slices.Clone(v.Flags)
	if mean, ok := sum.Quo(ucum.Int(n)); ok {
		v.Number = &mean
		v.flag(w, WarnSeveral, n)
		e.Values[at] = v
	}
}

// withImages adds to the dose reports of a study what its images tell beyond them:
// a report of class FromImage for each device and kind. What images know of an
// event of a report is returned apart, by the key of that event, and fills it.
func (s *Study) withImages(all []*Report, w *warnings) (reports []*Report, fills map[string]*Event) {
	reports, images := apart(all)
	if len(images) == 0 {
		return reports, nil
	}
	fills = map[string]*Event{}
	var own []irradiation
	for _, one := range irradiations(images, w) {
		by, e := one.reported(reports)
		switch {
		case e != nil:
			if one.kind == Nuclear {
				compareGiven(e, one.event, w)
			}
			if have := fills[e.Key]; have != nil {
				have.fill(one.event, "")
			} else {
				fills[e.Key] = one.event
			}
		case by != nil:
			w.add("", WarnImageApart, one.images[0].SOPInstance)
		default:
			own = append(own, one)
			continue
		}
		for _, r := range one.images {
			s.Ignored = append(s.Ignored, Ignored{Report: r, Reason: Reported, By: by})
		}
	}
	return append(reports, standIns(own)...), fills
}

// reported returns the dose report that an irradiation belongs to, and its event in
// it; without an event it is a report of the same device that counts in place of it.
func (one irradiation) reported(reports []*Report) (by *Report, of *Event) {
	for _, r := range reports {
		for _, e := range r.Events {
			switch {
			case r.Kind == Nuclear != (one.kind == Nuclear):
			case !e.UID.IsZero() && e.UID == one.event.UID:
				return r, e
			case one.kind == Nuclear && one.event.nuclide() != "" && e.nuclide() == one.event.nuclide():
				return r, e
			}
		}
	}
	if one.kind == Nuclear {
		return nil, nil
	}
	i := slices.IndexFunc(reports, func(r *Report) bool {
		return r.Kind == one.kind && (r.device() == one.images[0].device() || r.device() == "||")
	})
	if i < 0 {
		return nil, nil
	}
	return reports[i], nil
}

// compareGiven notes where images tell an administration otherwise than the report,
// which counts.
func compareGiven(report, images *Event, w *warnings) {
	if a, b := report.number(FieldActivity), images.number(FieldActivity); a != "" && b != "" && a != b {
		w.add(report.Path, WarnEventDiffers, report.Key)
	}
	a, b := report.Started, images.Started
	if !a.IsZero() && !b.IsZero() && a.Local != b.Local {
		w.add(report.Path, WarnStartDiffers, a, b)
	}
}

// standIns makes a report for each device and kind of the irradiations that no dose
// report tells of.
func standIns(own []irradiation) (all []*Report) {
	by := map[string]*Report{}
	for _, one := range own {
		k := string(one.kind) + "|" + one.images[0].device()
		r := by[k]
		if r == nil {
			first := *one.images[0]
			first.Events, first.Warnings, first.Images = nil, nil, nil
			r = &first
			by[k] = r
		}
		r.Events = append(r.Events, one.event)
		for _, image := range one.images {
			if !slices.Contains(r.Images, image.SOPInstance) {
				r.Images = append(r.Images, image.SOPInstance)
			}
			for _, warning := range image.Warnings {
				if len(r.Warnings) < maxWarnings {
					r.Warnings = append(r.Warnings, warning)
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(by)) {
		r := by[k]
		slices.SortFunc(r.Events, func(a, b *Event) int {
			return cmp.Or(cmp.Compare(a.Started.Local, b.Started.Local), cmp.Compare(a.Key, b.Key))
		})
		r.keys()
		all = append(all, r)
	}
	return all
}

// filled puts what images know of the events of the study into copies of them.
func (s *Study) filled(fills map[string]*Event) {
	for i, e := range s.Events {
		if from := fills[e.Key]; from != nil {
			whole := *e
			whole.Values = slices.Clone(e.Values)
			whole.fill(from, flagImage)
			s.Events[i] = &whole
		}
	}
}

// groups ties numbers together that share a key.
type groups struct {
	of     []int
	holder map[string]int
}

func newGroups(n int) *groups {
	g := &groups{of: make([]int, n), holder: map[string]int{}}
	for i := range g.of {
		g.of[i] = i
	}
	return g
}

// root returns the smallest number that i is tied to.
func (g *groups) root(i int) int {
	for g.of[i] != i {
		g.of[i] = g.of[g.of[i]]
		i = g.of[i]
	}
	return i
}

// tie ties i to whoever had the key before.
func (g *groups) tie(key string, i int) {
	j, ok := g.holder[key]
	if !ok {
		g.holder[key] = i
		return
	}
	a, b := g.root(i), g.root(j)
	g.of[max(a, b)] = min(a, b)
}

// all returns the groups in the order of their smallest numbers.
func (g *groups) all() [][]int {
	members := map[int][]int{}
	for i := range g.of {
		members[g.root(i)] = append(members[g.root(i)], i)
	}
	var all [][]int
	for _, i := range slices.Sorted(maps.Keys(members)) {
		all = append(all, members[i])
	}
	return all
}
