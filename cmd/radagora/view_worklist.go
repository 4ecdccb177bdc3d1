package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
	"radagora/worklist"
)

// A worklistView shows and takes orders.
type worklistView struct{ *view }

// Worklist implements web.Worklist.
func (v worklistView) Worklist(ctx context.Context, q web.WorklistQuery) (web.WorklistPage, error) {
	pg := web.WorklistPage{
		Title: v.settings.AE, Address: v.dicom.String(), Nameless: v.house.Worklist.Nameless,
		MayChange: access.Can(ctx, access.StepChange, access.Subject{Site: at}),
	}
	whole, err := v.house.Worklist.List(ctx, at, worklist.Filter{From: q.Day, To: q.Day, Limit: 2000})
	if err != nil {
		return pg, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return pg, err
	}
	pg.Total, pg.Counts = len(whole), map[string]int{}
	for s, n := range worklist.Counted(whole) {
		pg.Counts[string(s)] = n
	}
	if pg.Ever = len(whole) > 0; !pg.Ever {
		some, err := v.house.Worklist.List(ctx, at, worklist.Filter{Limit: 1})
		if err != nil {
			return pg, err
		}
		pg.Ever = len(some) > 0
	}
	pg.Stations, pg.Modalities = machineChoices(plan, whole)
	shown, err := v.shown(ctx, q)
	if err != nil {
		return pg, err
	}
	if pg.Rooms, err = v.rooms(ctx, plan, shown); err != nil {
		return pg, err
	}
	if err := v.loose(ctx, &pg); err != nil || q.Order == "" {
		return pg, err
	}
	pg.Open, err = v.detail(ctx, q.Order, q.Step)
	return pg, err
}

// shown returns the entries that the filter of the page lets through. Whose they are
// is noted.
func (v worklistView) shown(ctx context.Context, q web.WorklistQuery) ([]worklist.Entry, error) {
	f := worklist.Filter{From: q.Day, To: q.Day, Station: q.Station, Modality: q.Modality, Text: q.Text, Limit: 2000}
	if q.State != "" {
		f.States = []worklist.State{worklist.State(q.State)}
	}
	list, err := v.house.Worklist.List(ctx, at, f)
	if err != nil {
		return nil, err
	}
	if q.State == "" { // what was cancelled is history
		list = slices.DeleteFunc(list, func(e worklist.Entry) bool { return e.Step.State == worklist.Cancelled })
	}
	for _, e := range list {
		if e.Order.Person == "" {
			continue
		}
		if err := v.noteRead(ctx, access.StepFind, access.Subject{Site: at, Person: e.Order.Person}); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// machineChoices are the titles and modalities to choose from: those of known machines
// and those of the day.
func machineChoices(p plan, day []worklist.Entry) (stations, modalities []face.Choice) {
	titles, _, _ := worklist.Places(day)
	_, kinds, _ := worklist.Places(day)
	for _, room := range p.Rooms {
		for _, m := range room.Machines {
			titles = append(titles, traits(m.AETitles)...)
			kinds = append(kinds, m.Modality)
		}
	}
	return distinct(titles), distinct(kinds)
}

// distinct makes choices of words, each once and in order.
func distinct(words []string) (all []face.Choice) {
	slices.Sort(words)
	for _, w := range slices.Compact(words) {
		if w != "" {
			all = append(all, face.Choice{Code: w, Label: w})
		}
	}
	return all
}

// rooms puts entries under the rooms in which their machines stand, or those the
// order names.
func (v worklistView) rooms(ctx context.Context, p plan, list []worklist.Entry) ([]web.WorklistRoom, error) {
	studies, err := v.studiesOfOrders(ctx, list)
	if err != nil {
		return nil, err
	}
	var all []web.WorklistRoom
	for _, e := range list {
		room := p.ofStations(e.Step)
		i := slices.IndexFunc(all, func(r web.WorklistRoom) bool { return r.Name == room.Name })
		if i < 0 {
			all = append(all, room)
			i = len(all) - 1
		}
		all[i].Entries = append(all[i].Entries, scheduledEntry(e, studies[e.Order.ID]))
	}
	slices.SortStableFunc(all, func(a, b web.WorklistRoom) int {
		switch {
		case a.Name == b.Name:
			return 0
		case a.Name == "" || b.Name != "" && a.Name > b.Name:
			return 1
		}
		return -1
	})
	return all, nil
}

// ofStations returns the room of the first station that is known, or the one that the
// step names.
func (p plan) ofStations(s worklist.Step) web.WorklistRoom {
	for _, room := range p.Rooms {
		for _, m := range room.Machines {
			if slices.ContainsFunc(traits(m.AETitles), func(t string) bool { return slices.Contains(s.Stations, t) }) {
				ref := p.ref(room.ID)
				return web.WorklistRoom{Name: ref.Name, Colour: ref.Colour}
			}
		}
	}
	return web.WorklistRoom{Name: s.Location}
}

// studiesOfOrders returns the studies that belong to orders.
func (v worklistView) studiesOfOrders(ctx context.Context, list []worklist.Entry) (map[string]worklist.StudyState, error) {
	of := map[string]worklist.StudyState{}
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = e.Order.ID
	}
	for part := range slices.Chunk(ids, 200) {
		found, err := v.house.Worklist.StudyStates(ctx, at, worklist.StudyFilter{Orders: part, Matches: []worklist.Match{worklist.Matched}, Limit: 2000})
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			of[s.Order] = s
		}
	}
	return of, nil
}

// scheduledEntry shows one scheduled step.
func scheduledEntry(e worklist.Entry, s worklist.StudyState) web.WorklistEntry {
	_, clock, _ := strings.Cut(e.Step.Start, "T")
	w := web.WorklistEntry{
		Order: e.Order.ID, Step: e.Step.Key, Clock: clock[:min(5, len(clock))], Patient: nameWords(e.Order.Patient.Name), PatientID: e.Order.Patient.ID,
		Birth: e.Order.Patient.BirthDate, Procedure: e.Step.Description, Accession: e.Order.Accession, Station: strings.Join(e.Step.Stations, ", "),
		Modality: e.Step.Modality, State: string(e.Step.State), Urgent: e.Order.Priority == "STAT" || e.Order.Priority == "HIGH",
		Study: s.Study, Complete: s.Complete.State == worklist.AnnouncedComplete,
	}
	switch e.Order.Patient.Pregnancy {
	case worklist.Pregnant:
		w.Flags = append(w.Flags, "pregnant")
	case worklist.PossiblyPregnant:
		w.Flags = append(w.Flags, "possible")
	case worklist.NotPregnant, worklist.PregnancyUnknown:
	}
	if len(e.Order.Patient.Allergies) > 0 {
		w.Flags = append(w.Flags, "allergy")
	}
	return w
}

// nameWords writes a name of DICOM as people do: family name, given name.
func nameWords(s string) string {
	alphabetic, _, _ := strings.Cut(s, "=")
	parts := append(strings.Split(alphabetic, "^"), "", "")
	return strings.Trim(parts[0]+", "+parts[1], ", ")
}

// loose counts what belongs to no order.
func (v worklistView) loose(ctx context.Context, pg *web.WorklistPage) error {
	performed, err := v.house.Worklist.Performed(ctx, at, worklist.PerformedFilter{Unscheduled: true, Limit: 1000})
	if err != nil {
		return err
	}
	studies, err := v.house.Worklist.StudyStates(ctx, at, worklist.StudyFilter{Matches: []worklist.Match{worklist.Suspected, worklist.Unmatched}, Limit: 1000})
	pg.Unscheduled = len(performed)
	if pg.Ever { // where nobody writes orders, nothing is missing
		pg.Unmatched = len(studies)
	}
	return err
}

// detail shows one order and what became of it.
func (v worklistView) detail(ctx context.Context, id, key string) (*web.OrderDetail, error) {
	o, err := v.house.Worklist.Get(ctx, at, id)
	if fault.Of(err) == fault.NotFound && err != nil {
		return nil, nil //nolint:nilnil,nilerr // an address from yesterday: the day is shown without it
	}
	if err != nil {
		return nil, err
	}
	if o.Person != "" {
		if err := v.noteRead(ctx, access.StepFind, access.Subject{Site: at, Person: o.Person}); err != nil {
			return nil, err
		}
	}
	i := max(0, slices.IndexFunc(o.Steps, func(s worklist.Step) bool { return s.Key == key }))
	s := o.Steps[i]
	names, err := v.accountNames(ctx)
	if err != nil {
		return nil, err
	}
	d := &web.OrderDetail{
		Form: formOf(o, s), State: string(o.State), StepState: string(s.State), Accession: o.Accession, Study: o.Study,
		Origin: string(o.Origin), Changed: o.ChangedAt, Cancelled: o.State == worklist.Cancelled,
	}
	if d.ChangedBy, d.ByKind, err = v.whom(ctx, names, o.ChangedBy); err != nil {
		return nil, err
	}
	for _, next := range s.ByHand() {
		d.Next = append(d.Next, string(next))
	}
	for j, other := range o.Steps {
		if j != i {
			d.Other = append(d.Other, other.Description+" ("+other.Modality+", "+strings.Replace(other.Start, "T", " ", 1)+")")
		}
	}
	return d, v.became(ctx, o, d)
}

// became tells what became of an order.
func (v worklistView) became(ctx context.Context, o worklist.Order, d *web.OrderDetail) error {
	l, err := v.house.Worklist.LifeOf(ctx, at, o.ID)
	if err != nil {
		return err
	}
	d.Life, err = v.wholeLife(ctx, l, "", o.Person, time.Time{})
	return err
}

// formOf writes an order with one of its steps as a form.
func formOf(o worklist.Order, s worklist.Step) web.OrderForm {
	name := append(strings.Split(o.Patient.Name, "^"), "", "")
	date, clock, _ := strings.Cut(s.Start, "T")
	number := func(f float64) string {
		if f == 0 {
			return ""
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	f := web.OrderForm{
		ID: o.ID, Step: s.Key, Version: strconv.FormatInt(o.Version, 10),
		PatientID: o.Patient.ID, Issuer: o.Patient.Issuer, Family: name[0], Given: name[1], Birth: o.Patient.BirthDate, Sex: o.Patient.Sex,
		Weight: number(o.Patient.WeightKG), Height: number(o.Patient.HeightM), Pregnancy: string(o.Patient.Pregnancy),
		Allergies: strings.Join(o.Patient.Allergies, ", "), Accession: o.Accession, Description: o.Description, Reason: o.Reason,
		Requesting: nameWords(o.RequestingPhysician), Priority: o.Priority, Station: strings.Join(s.Stations, " "), Modality: s.Modality,
		Date: date, Clock: clock[:min(5, len(clock))], Room: s.Location, Physician: nameWords(s.PerformingPhysician), Contrast: s.Contrast,
	}
	if o.Expected > 0 {
		f.Expected = strconv.FormatInt(o.Expected, 10)
	}
	return f
}

// Save implements web.Worklist.
func (v worklistView) Save(ctx context.Context, f web.OrderForm) (string, error) {
	if f.ID == "" {
		o := worklist.Order{Site: at, Steps: []worklist.Step{{}}}
		if err := fill(&o, &o.Steps[0], f); err != nil {
			return "", err
		}
		o, _, err := v.house.Worklist.Create(ctx, worklist.Request{Order: o, Origin: worklist.FromPage})
		return o.ID, refusedForm(err)
	}
	o, err := v.house.Worklist.Get(ctx, at, f.ID)
	if err != nil {
		return "", err
	}
	i := max(0, slices.IndexFunc(o.Steps, func(s worklist.Step) bool { return s.Key == f.Step }))
	if err := fill(&o, &o.Steps[i], f); err != nil {
		return "", err
	}
	if o.Version, err = strconv.ParseInt(f.Version, 10, 64); err != nil {
		return "", fault.Errorf(fault.Invalid, "the form names no version")
	}
	_, err = v.house.Worklist.Change(ctx, o)
	return f.ID, refusedForm(err)
}

// fill puts a form into an order. What the form does not have stays as it is.
func fill(o *worklist.Order, s *worklist.Step, f web.OrderForm) error {
	wrong := map[string]string{}
	number := func(field, text string) float64 {
		if text == "" {
			return 0
		}
		n, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		if err != nil {
			wrong[field] = "worklist.wrong_number"
		}
		return n
	}
	p := &o.Patient
	p.ID, p.Issuer, p.BirthDate, p.Sex, p.Pregnancy = f.PatientID, f.Issuer, f.Birth, f.Sex, worklist.Pregnancy(f.Pregnancy)
	p.Name = withName(p.Name, f.Family, f.Given)
	p.WeightKG, p.HeightM, p.Allergies = number("weight", f.Weight), number("height", f.Height), strings.Split(f.Allergies, ",")
	o.Accession, o.Description, o.Reason, o.Priority = f.Accession, f.Description, f.Reason, f.Priority
	if nameWords(o.RequestingPhysician) != f.Requesting {
		o.RequestingPhysician = typedName(f.Requesting)
	}
	if nameWords(s.PerformingPhysician) != f.Physician {
		s.PerformingPhysician = typedName(f.Physician)
	}
	o.Expected = int64(number("expected", f.Expected))
	s.Stations, s.Modality, s.Location, s.Contrast = strings.Fields(f.Station), f.Modality, f.Room, f.Contrast
	s.Start = f.Date + "T" + f.Clock
	if f.Date == "" || f.Clock == "" {
		s.Start = ""
	}
	if s.Key != "" && len(o.Steps) == 1 || s.Description == "" {
		s.Description = f.Description
	}
	if len(wrong) > 0 {
		return web.Refuse(wrong)
	}
	return nil
}

// withName puts family and given name into a name of DICOM and keeps the rest of it.
func withName(old, family, given string) string {
	alphabetic, others, more := strings.Cut(old, "=")
	parts := append(strings.Split(alphabetic, "^"), "")
	name := strings.Join(append([]string{family, given}, parts[min(2, len(parts)):]...), "^")
	if more && parts[0] == family {
		name += "=" + others
	}
	return strings.TrimRight(name, "^")
}

// typedName reads a name as people write it: family name, given name.
func typedName(s string) string {
	family, given, ok := strings.Cut(s, ",")
	if !ok {
		return strings.TrimSpace(s)
	}
	return strings.TrimSpace(family) + "^" + strings.TrimSpace(given)
}

// formFields names the inputs of the fields of an order.
var formFields = map[string]string{
	"patient.id": "patient_id", "patient.issuer": "issuer", "patient.name": "family", "patient.birth_date": "birth", "patient.sex": "sex",
	"patient.weight_kg": "weight", "patient.height_m": "height", "patient.pregnancy": "pregnancy", "patient.allergies": "allergies",
	"accession": "accession", "description": "description", "reason": "reason", "requesting_physician": "requesting", "priority": "priority",
	"expected_instances": "expected", "stations": "station", "modality": "modality", "start": "date", "location": "room",
	"performing_physician": "physician", "contrast": "contrast",
}

// refusedForm gives a refusal the names of the form's inputs.
func refusedForm(err error) error {
	fields := worklist.Wrong(err)
	switch {
	case err == nil:
		return nil
	case fault.Of(err) == fault.Conflict:
		return web.Refuse(map[string]string{"form": "worklist.wrong_conflict"})
	case len(fields) == 0:
		return err
	}
	wrong := map[string]string{}
	for _, f := range fields {
		name := f.Field
		if _, rest, ok := strings.Cut(name, "]."); ok {
			name = rest
		}
		input, ok := formFields[name]
		if !ok {
			input = "form"
		}
		wrong[input] = "worklist.wrong_" + f.Code
	}
	return web.Refuse(wrong)
}

// Step implements web.Worklist.
func (v worklistView) Step(ctx context.Context, order, step, state string) error {
	_, err := v.house.Worklist.SetStep(ctx, at, order, step, worklist.State(state))
	return err
}

// CancelOrder implements web.Worklist.
func (v worklistView) CancelOrder(ctx context.Context, order, reason string) error {
	_, err := v.house.Worklist.Cancel(ctx, at, order, 0, reason)
	return err
}
