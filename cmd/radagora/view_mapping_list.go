package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"radagora/dose"
	"radagora/lang"
	"radagora/term"
	"radagora/web"
	"radagora/web/face"
)

// A nameList is what the page of names is made of.
type nameList struct {
	mappingView
	q        web.MappingQuery
	total    int // examinations
	names    []dose.NameUse
	mappings []dose.Mapping
	waiting  []dose.NameProposal
	known    dose.Mappings
	plan     plan
	people   map[string]string
}

// load reads what the page is about.
func (l *nameList) load(ctx context.Context) (err error) {
	if l.names, err = l.view.names(ctx); err != nil {
		return err
	}
	if l.mappings, err = l.Dose.Mappings(ctx, at); err != nil {
		return err
	}
	if l.waiting, err = l.Dose.WaitingNames(ctx, at); err != nil {
		return err
	}
	if l.plan, err = l.view.plan(ctx); err != nil {
		return err
	}
	l.known = dose.NewMappings(l.mappings)
	l.people, err = l.callPeople(ctx)
	return err
}

// callPeople returns what people are called, by their ids.
func (v mappingView) callPeople(ctx context.Context) (map[string]string, error) {
	all, err := v.people(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, p := range all {
		names[p.Code] = p.Label
	}
	return names, nil
}

// who returns what somebody is called.
func (l *nameList) who(id string) string { return cmp.Or(l.people[id], id) }

// room returns what the room of a machine is called.
func (l *nameList) room(machine string) string { return l.plan.ref(l.plan.of(machine)).Name }

// rooms returns what the rooms of machines are called, each once.
func (l *nameList) rooms(machines []string) (all []string) {
	for _, m := range machines {
		if room := l.room(m); !slices.Contains(all, room) {
			all = append(all, room)
		}
	}
	return all
}

// sort divides the names into those that mean something everywhere and the others. What
// is proposed waits in a list of its own.
func (l *nameList) sort(page *web.MappingPage) {
	for _, n := range l.names {
		w := l.name(n)
		open := l.open(n)
		if len(open) > 0 && !l.waits(n.Name, open) {
			w.N, w.Rooms = n.Unmapped, l.rooms(open)
			page.Unmapped = append(page.Unmapped, w)
		}
		if m, ok := l.means(n); ok {
			page.Mapped = append(page.Mapped, l.mapped(l.name(n), m))
		}
	}
	for _, p := range l.waiting {
		w := web.LocalName{ID: nameID(dose.Name{Source: p.Source, Text: p.Name}), Name: p.Name, Source: string(p.Source)}
		if i := slices.IndexFunc(l.names, func(n dose.NameUse) bool { return n.Source == p.Source && sameName(n.Text, p.Name) }); i >= 0 {
			w.N = l.names[i].Examinations
		}
		page.Waiting = append(page.Waiting, web.NameProposal{
			ID: p.ID, Rooms: l.rooms(p.Machines), Why: p.Why, Mine: p.By == l.q.Who.ID,
			Name: l.mapped(w, dose.Mapping{Exam: p.Exam, Indication: p.Indication, KnownBy: p.KnownBy, ApprovedBy: p.By, ApprovedAt: p.At}),
		})
	}
}

// sameName reports whether two names are the same to devices.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// open returns the machines on which a name means nothing yet.
func (l *nameList) open(n dose.NameUse) (all []string) {
	for _, m := range n.Open {
		if _, ok := l.known.Find(n.Text, n.Source, m, "9999-12-31"); !ok {
			all = append(all, m)
		}
	}
	return all
}

// waits reports whether a proposal for all these machines waits.
func (l *nameList) waits(n dose.Name, machines []string) bool {
	return !slices.ContainsFunc(machines, func(m string) bool {
		return !slices.ContainsFunc(l.waiting, func(p dose.NameProposal) bool {
			return p.Source == n.Source && sameName(p.Name, n.Text) && (len(p.Machines) == 0 || slices.Contains(p.Machines, m))
		})
	})
}

// means returns what a name means on any of its machines, and whether it does.
func (l *nameList) means(n dose.NameUse) (dose.Mapping, bool) {
	for _, machine := range append([]string{""}, n.Machines...) {
		if m, ok := l.known.Find(n.Text, n.Source, machine, "9999-12-31"); ok {
			return m, true
		}
	}
	return dose.Mapping{}, false
}

// name puts a name into the words of the page.
func (l *nameList) name(n dose.NameUse) web.LocalName {
	w := web.LocalName{ID: nameID(n.Name), Name: n.Text, Source: string(n.Source), N: n.Examinations, LastSeen: day(n.LastDay), Rooms: l.rooms(n.Machines)}
	if l.total > 0 {
		w.Share = float64(n.Examinations) / float64(l.total)
	}
	return w
}

// mapped adds what a mapping says to a name.
func (l *nameList) mapped(w web.LocalName, m dose.Mapping) web.LocalName {
	w.Exam = l.words.exam(m.Exam, l.q.Language)
	if m.Indication != "" {
		w.Indication = face.Choice{Code: m.Indication, Label: l.words.indication(m.Indication, l.q.Language)}
	}
	w.KnownBy, w.ApprovedBy, w.ApprovedAt = string(m.KnownBy), l.who(m.ApprovedBy), time.UnixMilli(m.ApprovedAt)
	return w
}

// decisions adds what was decided, and what could be taken back.
func (l *nameList) decisions(ctx context.Context, page *web.MappingPage) error {
	alone, err := l.Dose.Alone(ctx, at)
	if err != nil {
		return err
	}
	if alone.Alone {
		page.Alone = &web.AloneDecision{Who: l.who(alone.By), At: time.UnixMilli(alone.At), Why: alone.Why}
	}
	if page.Pending, err = l.Dose.Pending(ctx); err != nil {
		return err
	}
	last, ok, err := l.Dose.LastStep(ctx, at, l.q.Who.ID)
	if err != nil {
		return err
	}
	if ok {
		step := l.step(last)
		page.Last = &step
	}
	batches, err := l.Dose.Batches(ctx, at)
	for _, b := range batches {
		page.Imports = append(page.Imports, web.NameImport{ID: b.ID, Who: l.who(b.By), At: time.UnixMilli(b.At), Steps: b.Steps, Undone: b.Undone})
	}
	return err
}

// step puts a step into the words of the page.
func (l *nameList) step(s dose.Step) web.NameStep {
	return web.NameStep{
		ID: s.ID, Kind: string(s.Kind), Name: s.Name, From: l.meaning(s.FromExam, s.FromIndication), To: l.meaning(s.Exam, s.Indication),
		Who: l.who(s.By), At: time.UnixMilli(s.At), Why: s.Why, Undone: s.Undone,
	}
}

// meaning says what a name means, "" for nothing.
func (l *nameList) meaning(exam, indication string) string {
	switch {
	case exam == "":
		return ""
	case exam == dose.NotAnExamination:
		return l.catalogue.Printer(l.q.Language).T("mapping.not_patient")
	case indication == "":
		return l.words.exam(exam, l.q.Language).Label
	}
	return l.words.exam(exam, l.q.Language).Label + ", " + l.words.indication(indication, l.q.Language)
}

// current adds the name that is open, with everything that speaks for a meaning of it.
func (l *nameList) current(ctx context.Context, page *web.MappingPage) error {
	i := slices.IndexFunc(l.names, func(n dose.NameUse) bool { return nameID(n.Name) == l.q.Name })
	if i < 0 && len(page.Unmapped) > 0 {
		i = slices.IndexFunc(l.names, func(n dose.NameUse) bool { return nameID(n.Name) == page.Unmapped[0].ID })
	}
	if i < 0 {
		return nil
	}
	n := l.names[i]
	c := web.CurrentName{LocalName: l.name(n), Chosen: l.open(n)}
	if m, ok := l.means(n); ok && len(c.Chosen) == 0 {
		c.LocalName = l.mapped(c.LocalName, m)
		c.Chosen = strings.Fields(m.Machine)
	}
	for _, m := range n.Machines {
		c.Machines = append(c.Machines, face.Choice{Code: m, Label: l.room(m)})
	}
	if k := slices.IndexFunc(page.Unmapped, func(u web.LocalName) bool { return u.ID == c.ID }); k >= 0 && k+1 < len(page.Unmapped) {
		c.Next = page.Unmapped[k+1].ID
	}
	history, err := l.Dose.History(ctx, at, n.Text, n.Source)
	if err != nil {
		return err
	}
	undoable := true
	for _, s := range history {
		w := l.step(s)
		w.Open = undoable && !s.Undone && s.Kind != dose.StepUndone
		undoable = undoable && !w.Open
		c.History = append(c.History, w)
	}
	page.Current = &c
	return l.evidence(ctx, n, &c)
}

// mostHits is how many meanings are proposed or found.
const mostHits = 6

// evidence adds what stands beside a name, and what it may mean.
func (l *nameList) evidence(ctx context.Context, n dose.NameUse, c *web.CurrentName) error {
	since, err := l.since(ctx)
	if err != nil {
		return err
	}
	e, err := l.Dose.Evidence(ctx, at, n.Name, since)
	if err != nil {
		return err
	}
	for _, b := range e.Beside {
		source := l.catalogue.Printer(l.q.Language).T("mapping.source_" + string(b.Source))
		c.Beside = append(c.Beside, lang.Msg("mapping.beside", lang.Args{"source": source, "name": b.Text, "n": b.N}))
	}
	for _, r := range e.Regions {
		c.Beside = append(c.Beside, lang.Msg("mapping.region", lang.Args{"name": r.Text, "n": r.N}))
	}
	c.Hits, err = l.suggest(n, e)
	return err
}

// suggest proposes what a name may mean, the strongest reasons first: the same name on
// another machine, what orders said of its examinations, its own words, and the words of
// names beside it. Nothing of it is applied by itself.
func (l *nameList) suggest(n dose.NameUse, e dose.NameEvidence) (hits []web.MeaningHit, err error) {
	add := func(code string, why lang.Message) {
		i := slices.IndexFunc(hits, func(h web.MeaningHit) bool { return h.Code == code })
		if i < 0 {
			hits = append(hits, web.MeaningHit{Choice: l.words.exam(code, l.q.Language)})
			i = len(hits) - 1
		}
		hits[i].Why = append(hits[i].Why, why)
	}
	elsewhere := map[string][]string{}
	for _, m := range l.mappings {
		if m.RevokedAt == 0 && m.Machine != "" && m.Exam != dose.NotAnExamination && m.Source == n.Source && sameName(m.Name, n.Text) {
			elsewhere[m.Exam] = append(elsewhere[m.Exam], m.Machine)
		}
	}
	for _, exam := range slices.Sorted(maps.Keys(elsewhere)) {
		add(exam, lang.Msg("mapping.why_elsewhere", lang.Args{"rooms": strings.Join(l.rooms(elsewhere[exam]), ", ")}))
	}
	for _, x := range e.Exams {
		if x.Text != dose.NotAnExamination {
			add(x.Text, lang.Msg("mapping.why_orders", lang.Args{"n": x.N, "of": n.Examinations}))
		}
	}
	index, err := term.Open(l.Content, at)
	if err != nil {
		return hits, err
	}
	for _, h := range index.Search(term.Query{System: term.Exam, Text: n.Text, Modality: n.Modality, Limit: mostHits}) {
		add(h.Code, wordsWhy(h))
	}
	for _, b := range e.Beside {
		for _, h := range index.Search(term.Query{System: term.Exam, Text: b.Text, Modality: n.Modality, Limit: 2}) {
			add(h.Code, lang.Msg("mapping.why_beside", lang.Args{"name": b.Text, "words": strings.Join(h.Words, ", ")}))
		}
	}
	return hits[:min(len(hits), mostHits)], nil
}

// wordsWhy says which words told of a hit.
func wordsWhy(h term.Hit) lang.Message {
	return lang.Msg("mapping.why_words", lang.Args{"n": len(h.Words), "of": h.Of, "words": strings.Join(h.Words, ", ")})
}

// FindMeaning implements web.Mapping.
func (v mappingView) FindMeaning(_ context.Context, q web.MeaningQuery) ([]web.MeaningHit, error) {
	index, err := term.Open(v.Content, at)
	if err != nil {
		return nil, err
	}
	system := term.Exam
	if q.Indication {
		system = term.Indication
	}
	var hits []web.MeaningHit
	for _, h := range index.Search(term.Query{System: system, Text: q.Text, Typing: true, Limit: mostHits}) {
		hits = append(hits, web.MeaningHit{Choice: face.Choice{Code: h.Code, Label: h.Label(q.Language)}, Why: []lang.Message{wordsWhy(h)}})
	}
	return hits, nil
}
