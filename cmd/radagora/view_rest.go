package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/lang"
	"radagora/site"
	"radagora/web"
	"radagora/web/face"
)

// Today implements web.Today.
func (v *view) Today(ctx context.Context, _ web.Person, language string) (web.TodayPage, error) {
	page := web.TodayPage{}
	var err error
	if page.Started, err = v.Dose.Started(ctx, at); err != nil {
		return page, err
	}
	if page.Work, err = v.work(ctx); err != nil {
		return page, err
	}
	if err := v.arrivals(ctx, &page); err != nil {
		return page, err
	}
	page.Started = page.Started || !page.Last.IsZero()
	d, err := v.doseView(ctx, web.DoseQuery{Language: language})
	if err != nil {
		return page, err
	}
	page.Tiles = d.tiles(d.o.Rows)
	if page.Tasks, err = d.tasks(ctx); err != nil {
		return page, err
	}
	return page, nil
}

// arrivals counts what came in the last day.
func (v *view) arrivals(ctx context.Context, page *web.TodayPage) error {
	since := v.Now().Add(-24 * time.Hour)
	for e, err := range v.Journal.Find(ctx, journal.Filter{Site: at, Kinds: []string{"archive.instance.stored"}, Newest: true, Limit: 1}) {
		if err != nil {
			return err
		}
		page.Last = e.At
	}
	for kind, n := range map[string]*int{"archive.instance.stored": &page.LastDay, "archive.instance.refused": &page.Refused} {
		count, err := v.Journal.Count(ctx, journal.Filter{Site: at, Kinds: []string{kind}, From: since})
		if err != nil {
			return err
		}
		*n = int(count)
	}
	return nil
}

// tasks are the lines of the day: findings that are open, names to map.
func (d *doseView) tasks(ctx context.Context) ([]web.Task, error) {
	open, err := d.Findings.List(ctx, finding.Filter{Site: at, States: []finding.State{finding.StateOpen, finding.StateInWork, finding.StateMeasuredAgain}, Limit: 20})
	if err != nil {
		return nil, err
	}
	today := d.today.Format(time.DateOnly)
	var all []web.Task
	for _, f := range open {
		row := d.findingRow(f)
		what := lang.Args{"room": row.Room.Name, "exam": row.Exam.Label, "rule": d.text("finding.rule_" + strings.TrimPrefix(f.Rule, "dose."))}
		all = append(all, web.Task{
			What: msg("task.finding", what), Why: msg("task.finding_why", lang.Args{"quantity": d.text("quantity." + row.Quantity), "state": row.State.Word, "n": row.N}),
			Until: day(f.Due), Overdue: f.Overdue(today), Shape: row.State.Shape, Do: msg("task.finding_do", nil), Path: "/dose/ct#finding-" + f.ID,
		})
	}
	if d.o.Unmapped > 0 {
		all = append(all, web.Task{What: msg("task.map", lang.Args{"n": d.o.Unmapped}), Do: msg("task.map_do", nil), Path: "/dose/mapping", Shape: face.Dash})
	}
	if len(d.o.Governing) == 0 && len(d.o.Items) > 0 {
		all = append(all, web.Task{What: msg("task.govern", nil), Do: msg("task.govern_do", nil), Path: "/settings/content", Shape: face.LoneDot})
	}
	return all, nil
}

// work returns what runs in the background.
func (v *view) work(ctx context.Context) ([]web.Work, error) {
	var all []web.Work
	if w := v.demo.work(); w != nil {
		all = append(all, *w)
	}
	pending, err := v.Dose.Pending(ctx)
	return append(all, v.pendingWork(pending)...), err
}

// A findingsView takes what people decide about findings.
type findingsView struct{ *view }

// Change implements web.Findings.
func (v findingsView) Change(ctx context.Context, _ web.Person, c web.FindingChange) error {
	f, _, _, err := v.Findings.Get(ctx, c.ID)
	if err != nil {
		return err
	}
	state, due, owner := finding.State(c.State), "", c.Owner
	if !c.Due.IsZero() {
		due = c.Due.Format(time.DateOnly)
	}
	_, err = v.Findings.Decide(ctx, finding.Decision{ID: c.ID, Version: f.Version, Owner: &owner, State: &state, Due: &due, Note: c.Note})
	return err
}

// A mappingView lists names and takes their meanings.
type mappingView struct{ *view }

// nameID names a local name in addresses.
func nameID(n dose.NameUse) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(n.Source) + "\x00" + n.Text))
}

// Mapping implements web.Mapping.
func (v mappingView) Mapping(ctx context.Context, language string) (web.MappingPage, error) {
	page := web.MappingPage{
		Exams: v.words.choices("dose/exam", "exam_code", "CT", language), Indications: v.words.choices("dose/indication", "indication_code", "", language),
		KnownBy: map[string]float64{},
	}
	var err error
	if page.Started, err = v.Dose.Started(ctx, at); err != nil {
		return page, err
	}
	names, err := v.names(ctx)
	if err != nil {
		return page, err
	}
	mappings, err := v.Dose.Mappings(ctx, at)
	if err != nil {
		return page, err
	}
	p, err := v.plan(ctx)
	if err != nil {
		return page, err
	}
	d, err := v.doseView(ctx, web.DoseQuery{Language: language})
	if err != nil {
		return page, err
	}
	total := d.shares(&page)
	known := dose.NewMappings(mappings)
	for _, n := range names {
		w := web.LocalName{ID: nameID(n), Name: n.Text, Source: string(n.Source), N: n.Examinations, LastSeen: day(n.LastDay)}
		if total > 0 {
			w.Share = float64(n.Examinations) / float64(total)
		}
		for _, m := range n.Machines {
			if room := p.ref(p.of(m)).Name; !slices.Contains(w.Rooms, room) {
				w.Rooms = append(w.Rooms, room)
			}
		}
		m, mapped := known.Find(n.Text, n.Source, "", "9999-12-31")
		switch {
		case mapped:
			page.Mapped = append(page.Mapped, v.mapped(w, m, language))
		case n.Unmapped > 0:
			w.N = n.Unmapped
			page.Unmapped = append(page.Unmapped, w)
		}
	}
	for _, m := range mappings {
		if m.RevokedAt == 0 {
			last := v.mapped(web.LocalName{Name: m.Name, Source: string(m.Source)}, m, language)
			page.Last = &last
			break
		}
	}
	return page, nil
}

// names returns the local names of the last twelve months, counted from the last
// examination if that is longer ago.
func (v *view) names(ctx context.Context) ([]dose.NameUse, error) {
	have, err := v.Dose.Days(ctx, at)
	if err != nil || have.To == "" {
		return nil, err
	}
	until := v.Now()
	if last := day(have.To); last.Before(until) {
		until = last
	}
	return v.Dose.Names(ctx, at, until.AddDate(-1, 0, 0).Format(time.DateOnly))
}

// mapped adds what a mapping says to a name.
func (v mappingView) mapped(w web.LocalName, m dose.Mapping, language string) web.LocalName {
	w.Exam = v.words.exam(m.Exam, language)
	if m.Indication != "" {
		w.Indication = face.Choice{Code: m.Indication, Label: v.words.indication(m.Indication, language)}
	}
	w.KnownBy, w.ApprovedBy, w.ApprovedAt = string(m.KnownBy), m.ApprovedBy, time.UnixMilli(m.ApprovedAt)
	return w
}

// shares computes the share that is mapped and how indications are known, and
// returns the number of examinations.
func (d *doseView) shares(page *web.MappingPage) int {
	total, mapped := 0, 0
	by := map[string]int{}
	for _, i := range d.o.Items {
		if i.Excluded == dose.ExcludedNotPatient {
			continue
		}
		total++
		if i.Exam != "" {
			mapped++
		}
		if i.KnownBy != "" {
			by[string(i.KnownBy)]++
		}
	}
	if total == 0 {
		return 0
	}
	page.Share = float64(mapped) / float64(total)
	for k, n := range by {
		page.KnownBy[k] = float64(n) / float64(total)
	}
	return total
}

// Decide implements web.Mapping.
func (v mappingView) Decide(ctx context.Context, who web.Person, m web.MappingDecision) error {
	if err := may(ctx, access.MappingApprove); err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(m.ID)
	source, name, ok := strings.Cut(string(raw), "\x00")
	if err != nil || !ok {
		return notFound("local name")
	}
	_, err = v.Dose.Approve(ctx, dose.Mapping{
		Site: at, Name: name, Source: dose.NameSource(source), Exam: cmp.Or(m.Exam, dose.NotAnExamination),
		Indication: m.Indication, KnownBy: dose.KnownBy(m.KnownBy), ApprovedBy: who.ID,
	})
	return err
}

// Undo implements web.Mapping.
func (v mappingView) Undo(ctx context.Context, who web.Person) error {
	if err := may(ctx, access.MappingApprove); err != nil {
		return err
	}
	all, err := v.Dose.Mappings(ctx, at)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.ApprovedBy == who.ID && m.RevokedAt == 0 {
			return v.Dose.Revoke(ctx, at, m.ID, who.ID)
		}
	}
	return notFound("decision to take back")
}

// A roomsView lists rooms and machines.
type roomsView struct{ *view }

// Rooms implements web.Rooms.
func (v roomsView) Rooms(ctx context.Context) (web.RoomsPage, error) {
	p, err := v.plan(ctx)
	if err != nil {
		return web.RoomsPage{}, err
	}
	counts, err := v.Dose.Volumes(ctx, at)
	if err != nil {
		return web.RoomsPage{}, err
	}
	var page web.RoomsPage
	for _, room := range p.Rooms {
		r := web.Room{RoomRef: p.ref(room.ID), Named: room.Named}
		for _, m := range room.Machines {
			r.Machines = append(r.Machines, web.Machine{
				ID: m.ID, Modality: m.Modality, Manufacturer: m.Manufacturer, Model: m.Model, Station: m.Station,
				Serial: m.Serial, Software: traits(m.Software), AETitles: traits(m.AETitles),
				First: day(m.FirstDay), Last: day(m.LastDay), N: counts[m.ID],
			})
		}
		page.Rooms = append(page.Rooms, r)
	}
	return page, nil
}

// traits returns the values of traits.
func traits(all []site.Trait) []string {
	var values []string
	for _, t := range all {
		values = append(values, t.Value)
	}
	return values
}

// Name implements web.Rooms.
func (v roomsView) Name(ctx context.Context, who web.Person, room, name string) error {
	if err := may(ctx, access.RoomName); err != nil {
		return err
	}
	if name = strings.TrimSpace(name); name == "" || len([]rune(name)) > 80 {
		return web.Refuse(map[string]string{"name": "rooms.wrong_name"})
	}
	p, err := v.plan(ctx)
	if err != nil {
		return err
	}
	old, ok := p.Room(room)
	if !ok {
		return notFound("room")
	}
	return v.Sites.NameRoom(ctx, who.ID, at, room, name, old.Area)
}

// Merge implements web.Rooms.
func (v roomsView) Merge(ctx context.Context, who web.Person, machine, into string) error {
	if err := may(ctx, access.RoomName); err != nil {
		return err
	}
	return v.Sites.Merge(ctx, who.ID, at, machine, into)
}

// A contentView lists content sets.
type contentView struct{ *view }

// Content implements web.Content.
func (v contentView) Content(ctx context.Context, language string) (web.ContentPage, error) {
	governing, err := v.Dose.Governing(ctx, at)
	if err != nil {
		return web.ContentPage{}, err
	}
	people, err := v.people(ctx)
	if err != nil {
		return web.ContentPage{}, err
	}
	levels, err := dose.Levels(v.view.Content, at)
	if err != nil {
		return web.ContentPage{}, err
	}
	var page web.ContentPage
	for _, s := range v.view.Content.List(at) {
		place := "built_in"
		if s.Origin != "embedded" {
			place = s.Origin
		}
		set, _ := v.view.Content.Set(at, s.ID)
		c := web.ContentSet{
			ID: s.ID, Title: s.Title, Kind: s.Kind, Edition: s.Edition, Licence: s.Licence, Status: s.Status,
			From: day(s.ValidFrom), To: day(s.ValidTo), Rows: s.Rows, Place: place, Demonstration: demonstration(s.ID),
		}
		if set != nil {
			c.TranscribedBy, c.CheckedBy, c.Source = set.TranscribedBy, set.CheckedBy, set.Source
		}
		if c.Levels = s.Kind == "levels"; c.Levels {
			c.Official, c.Exams = s.Official, v.examsOf(levels, s.ID, language)
		}
		for _, g := range governing {
			if g.Set != s.ID {
				continue
			}
			c.Decisions = append(c.Decisions, web.Decision{
				ID: g.ID, Exam: v.words.exam(g.Exam, language).Label, From: day(g.From), To: day(g.To), By: choice(people, g.DecidedBy).Label,
			})
			if g.To == "" {
				c.Governing = s.Rows
			}
		}
		page.Sets = append(page.Sets, c)
	}
	return page, nil
}

// examsOf returns the examinations that a set has levels for.
func (v contentView) examsOf(levels []dose.Level, set, language string) []face.Choice {
	var all []face.Choice
	for i := range levels {
		l := &levels[i]
		if l.Set.ID == set && !slices.ContainsFunc(all, func(c face.Choice) bool { return c.Code == l.Exam }) {
			all = append(all, v.words.exam(l.Exam, language))
		}
	}
	return all
}

// Govern implements web.Content.
func (v contentView) Govern(ctx context.Context, who web.Person, set, exam string, from time.Time) error {
	if err := may(ctx, access.LevelGovern); err != nil {
		return err
	}
	_, err := v.Dose.Govern(ctx, dose.Governing{Site: at, Set: set, Exam: exam, From: from.Format(time.DateOnly), DecidedBy: who.ID})
	return err
}

// End implements web.Content.
func (v contentView) End(ctx context.Context, who web.Person, decision string, last time.Time) error {
	if err := may(ctx, access.LevelGovern); err != nil {
		return err
	}
	return v.Dose.EndGoverning(ctx, at, decision, last.Format(time.DateOnly), who.ID)
}

// An objectsView shows single objects.
type objectsView struct{ *view }

// Object implements web.Objects.
func (v objectsView) Object(ctx context.Context, who web.Person, _, name string) (web.Object, error) {
	object, err := v.open(ctx, who, name)
	if err != nil {
		return web.Object{}, err
	}
	defer object.Close()
	i := object.Instance
	out := web.Object{
		SOPInstanceUID: i.SOP.String(), SOPClass: uid.Name(i.SOPClass), TransferSyntax: uid.Name(i.TransferSyntax),
		Size: i.Length, SHA256: hex.EncodeToString(i.SHA256[:]), Received: i.ReceivedAt, Door: i.Door, From: i.CallingAE,
	}
	f, err := object.Read(nil)
	if err != nil {
		return out, err
	}
	if doc, notSR := sr.Parse(f.Dataset); notSR == nil {
		out.Title = doc.Root.Concept.Meaning
		out.SR = []face.Node{tree(doc.Root)}
	}
	out.Header = header(f.Dataset)
	return out, nil
}

// open opens an object for a person who may see it.
func (v objectsView) open(ctx context.Context, who web.Person, name string) (archive.Object, error) {
	if err := may(ctx, access.ObjectRead); err != nil {
		return archive.Object{}, err
	}
	sop, err := uid.Parse(name)
	if err != nil {
		return archive.Object{}, notFound("object")
	}
	_ = who // the context says who asks
	return v.Archive.Open(ctx, at, sop)
}

// File implements web.Objects.
func (v objectsView) File(ctx context.Context, who web.Person, name string) (io.ReadCloser, error) {
	object, err := v.open(ctx, who, name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{object.Reader(), object}, nil
}

// tree makes nodes of a content tree.
func tree(i *sr.Item) face.Node {
	n := face.Node{Label: cmp.Or(i.Concept.Meaning, i.Concept.Value, i.ValueType), Value: i.Value(), Path: i.Path, Note: strings.ToLower(i.Relationship + " " + i.ValueType)}
	if i.Concept.Value != "" {
		n.Note += " (" + i.Concept.Value + ", " + i.Concept.Scheme + ")"
	}
	n.Open = len(strings.Split(i.Path, ".")) < 3
	for _, c := range i.Children {
		n.Children = append(n.Children, tree(c))
	}
	return n
}

// header makes nodes of a data set. What text stands there is shown as it is.
func header(d *dicom.Dataset) []face.Node {
	var root []face.Node
	stack := []*[]face.Node{&root}
	for line := range dicom.Lines(d) {
		stack = stack[:min(line.Depth+1, len(stack))]
		list := stack[len(stack)-1]
		n := face.Node{Label: line.Name, Value: line.Value, Note: strings.TrimSpace(line.Tag.String() + " " + line.VR.String())}
		if line.VR == 0 {
			n.Note = ""
		}
		*list = append(*list, n)
		stack = append(stack, &(*list)[len(*list)-1].Children)
	}
	return root
}

// A startView guides through an empty installation.
type startView struct{ *view }

// Changed implements web.Start.
func (v startView) Changed(ctx context.Context) <-chan struct{} { return v.seen.listen(ctx) }

// Demo implements web.Start.
func (v startView) Demo(ctx context.Context, _ web.Person) error {
	if err := may(ctx, access.DemoLoad); err != nil {
		return err
	}
	return v.demo.start(v.life)
}

// Cancel implements web.Start.
func (v startView) Cancel(ctx context.Context, _ web.Person) error {
	if err := may(ctx, access.DemoLoad); err != nil {
		return err
	}
	v.demo.cancel()
	return nil
}

// Upload implements web.Start.
func (v startView) Upload(ctx context.Context, who web.Person, name string, r io.Reader) (web.Uploaded, error) {
	if err := may(ctx, access.ObjectImport); err != nil {
		return web.Uploaded{}, err
	}
	in := &importer{house: v.house, actor: who.ID, door: "upload"}
	var up web.Uploaded
	in.report = func(name string, outcome outcome, err error) {
		switch {
		case err != nil:
			why := msg("start.refused", lang.Args{"why": err.Error()})
			if k := fault.Of(err); k == fault.Internal || k == fault.Unavailable {
				why = msg("start.failed", nil)
			}
			up.Refused = append(up.Refused, web.RefusedFile{Name: name, Why: why})
		case outcome == fileKnown:
			up.Known++
		default:
			up.Accepted++
		}
	}
	if err := in.stream(ctx, name, r); err != nil && !errors.Is(err, errSomeRefused) {
		return up, err
	}
	return up, nil
}
