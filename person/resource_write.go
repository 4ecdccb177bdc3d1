package person

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/journal"
	"radagora/ucum"
)

// A reader reads a resource and gathers what of it cannot be kept.
type reader struct{ issues []fhir.Issue }

func (rd *reader) not(element, wayOut string) {
	rd.issues = append(rd.issues, fhir.NotKept(element, wayOut))
}

// only refuses the elements of an object that are not among those that are read. What
// a server sets itself and what people read are passed over.
func (rd *reader) only(at string, v fhir.Value, read ...string) {
	for _, name := range v.Names() {
		plain := strings.TrimPrefix(name, "_")
		if slices.Contains(read, plain) && plain == name || slices.Contains([]string{"resourceType", "id", "meta", "text", "language"}, name) {
			continue
		}
		rd.not(at+"."+name, "This element is not kept here: leave it out.")
	}
}

// A number is an identifier with the issuer that its system stands for.
type number struct{ issuer, value string }

// A said is what a Patient says.
type said struct {
	numbers []number
	facts   map[FactKind]Fact
	active  bool
	links   string // as JSON, to compare
}

// patientSaid reads a Patient.
func (r *Register) patientSaid(p fhir.Resource, now time.Time, zone *time.Location) (s said, err error) {
	rd := &reader{}
	v := p.Value()
	rd.only("Patient", v, "identifier", "active", "name", "gender", "birthDate", "deceasedBoolean", "deceasedDateTime", "link")
	s = said{facts: map[FactKind]Fact{}, active: true}
	rd.numbers(p, &s)
	rd.name(p, &s, now)
	switch g := p.Get("gender").Text(); g {
	case "", "unknown":
	default:
		for sex, word := range genders {
			if word == g {
				s.facts[Sex] = Fact{Kind: Sex, Value: sex, At: now}
			}
		}
	}
	if born := p.Get("birthDate").Text(); born != "" {
		if _, err := time.Parse(time.DateOnly, born); err != nil {
			rd.not("Patient.birthDate", "Only a whole date is kept: YYYY-MM-DD.")
		}
		s.facts[BirthDate] = Fact{Kind: BirthDate, Value: born, At: now}
	}
	if dead, ok := p.Get("deceasedBoolean").Bool(); ok {
		s.facts[Deceased] = Fact{Kind: Deceased, Value: map[bool]string{true: "yes", false: "no"}[dead], At: now}
	}
	if when := p.Get("deceasedDateTime").Text(); when != "" {
		at, ok := moment(when, zone)
		if !ok {
			rd.not("Patient.deceasedDateTime", "Give a day, or a day and time with a zone.")
		}
		s.facts[Deceased] = Fact{Kind: Deceased, Value: "yes", At: at}
	}
	if active, ok := p.Get("active").Bool(); ok {
		s.active = active
	}
	s.links = linksOf(p)
	if r.Nameless {
		for kind, element := range map[FactKind]string{Name: "Patient.name", BirthDate: "Patient.birthDate"} {
			if _, ok := s.facts[kind]; ok {
				rd.not(element, "This installation keeps no names and birth dates: leave it out.")
			}
		}
	}
	return s, fhir.Refuse(rd.issues...)
}

// linksOf writes the links of a Patient, to compare them.
func linksOf(p fhir.Resource) string {
	var all []string
	for l := range p.Each("link") {
		all = append(all, l.Get("type").Text()+" "+l.Get("other.reference").Text())
	}
	return strings.Join(all, "\n")
}

// numbers reads the identifiers of a Patient.
func (rd *reader) numbers(p fhir.Resource, s *said) {
	i := 0
	for v := range p.Each("identifier") {
		at := pathOf("Patient.identifier", i)
		rd.only(at, v, "use", "type", "system", "value")
		n := number{IssuerOf(v.Get("system").Text()), strings.TrimSpace(v.Get("value").Text())}
		switch {
		case n.value == "":
			rd.not(at+".value", "An identifier needs a value.")
		case len(n.value) > 64 || len(n.issuer) > 64:
			rd.not(at, "Value and system have at most 64 characters.")
		case strings.ContainsAny(n.value+n.issuer, "\\|"):
			rd.not(at, "Value and system must be without | and backslash.")
		}
		s.numbers = append(s.numbers, n)
		i++
	}
	if i == 0 {
		rd.not("Patient.identifier", "An identifier with system and value is needed: by it studies and orders name the patient.")
	}
}

// name reads the one name that is kept.
func (rd *reader) name(p fhir.Resource, s *said, now time.Time) {
	groups := []string{"", "", ""}
	i := 0
	for v := range p.Each("name") {
		at := pathOf("Patient.name", i)
		group := 0
		for x := range v.Each("extension") {
			if x.Get("url").Text() == representation {
				group = slices.Index([]string{"ABC", "IDE", "SYL"}, x.Get("valueCode").Text())
			} else {
				rd.not(at+".extension", "This extension is not kept here: leave it out.")
			}
		}
		rd.only(at, v, "use", "text", "family", "given", "prefix", "suffix", "extension")
		if i++; group < 0 || groups[group] != "" {
			rd.not(at, "One name is kept, in at most three writings: send the one that is in use.")
			continue
		}
		var given []string
		for g := range v.Each("given") {
			given = append(given, g.Text())
		}
		parts := []string{v.Get("family").Text(), "", "", joined(v, "prefix"), joined(v, "suffix")}
		if len(given) > 0 {
			parts[1], parts[2] = given[0], strings.Join(given[1:], " ")
		}
		if strings.Join(parts, "") == "" {
			rd.not(at+".family", "A name is kept by its parts: give family and given.")
		}
		if strings.ContainsAny(strings.Join(parts, ""), "^=\\") {
			rd.not(at, "A name must be without ^, = and backslash.")
		}
		groups[group] = strings.TrimRight(strings.Join(parts, "^"), "^")
	}
	if name := strings.TrimRight(strings.Join(groups, "="), "="); name != "" {
		s.facts[Name] = Fact{Kind: Name, Value: name, At: now}
	}
}

// joined returns the texts of a list, with blanks between.
func joined(v fhir.Value, path string) string {
	var all []string
	for one := range v.Each(path) {
		all = append(all, one.Text())
	}
	return strings.Join(all, " ")
}

// moment reads a date, which begins at the site, or a time.
func moment(s string, zone *time.Location) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, true
	}
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	return t, err == nil
}

// A Writing says on whose behalf a resource is kept, and where.
type Writing struct {
	Site   string
	Origin string         // an account
	Zone   *time.Location // of the site
}

// CreatePatient keeps what a new Patient says, within a transaction. Conflict: somebody
// is known by the first identifier. Otherwise errors name the elements that cannot be
// kept (fhir.Wrong).
func (r *Register) CreatePatient(ctx context.Context, tx *db.Tx, w Writing, p fhir.Resource) (Card, error) {
	s, err := r.patientSaid(p, r.Now(), w.Zone)
	if err != nil {
		return Card{}, err
	}
	if !s.active || s.links != "" {
		return Card{}, fhir.Refuse(fhir.NotKept("Patient.link", "Which identifiers mean one person is decided by people, or by a merge message (HL7 v2 A40)."))
	}
	c := Card{Site: w.Site, Key: r.Key(s.numbers[0].issuer, s.numbers[0].value), Issuer: s.numbers[0].issuer, Identifier: s.numbers[0].value}
	had, err := r.card(ctx, tx, w.Site, c.Key)
	switch {
	case err != nil:
		return Card{}, err
	case had.Key != "":
		return Card{}, fault.Errorf(fault.Conflict, "there is a Patient with this identifier: update it, or create with If-None-Exist")
	}
	if r.Nameless {
		c.Issuer, c.Identifier = "", "" // the key has them as they are kept
	}
	if err := r.file(ctx, tx, w.Site, c); err != nil {
		return Card{}, err
	}
	return r.keep(ctx, tx, w, c.Key, s)
}

// UpdatePatient keeps what another version of a Patient says: what it leaves out of what
// was said before is withdrawn.
func (r *Register) UpdatePatient(ctx context.Context, tx *db.Tx, w Writing, c Card, p fhir.Resource) (Card, error) {
	s, err := r.patientSaid(p, r.Now(), w.Zone)
	if err != nil {
		return Card{}, err
	}
	now, err := r.Patient(ctx, tx, c)
	if err != nil {
		return Card{}, err
	}
	links := linksOf(now.Resource)
	active, _ := now.Resource.Get("active").Bool()
	switch own := slices.ContainsFunc(s.numbers, func(n number) bool { return r.Key(n.issuer, n.value) == c.Key }); {
	case s.links != "" && s.links != links || s.active != active:
		return Card{}, fhir.Refuse(fhir.NotKept("Patient.link", "Which identifiers mean one person is decided by people, or by a merge message (HL7 v2 A40)."))
	case !own && !r.Nameless:
		return Card{}, fhir.Refuse(fhir.NotKept("Patient.identifier", "The identifier by which this Patient is known must stay."))
	}
	known, err := r.Known(ctx, tx, w.Site, c.Key, time.Time{})
	if err != nil {
		return Card{}, err
	}
	for _, kind := range []FactKind{Name, BirthDate, Sex, Deceased} {
		if _, has := known[kind]; has && s.facts[kind].Kind == "" {
			s.facts[kind] = Fact{Kind: kind, At: r.Now()}
		}
	}
	return r.keep(ctx, tx, w, c.Key, s)
}

// keep notes the facts of a Patient and links the identifiers.
func (r *Register) keep(ctx context.Context, tx *db.Tx, w Writing, key string, s said) (Card, error) {
	if err := r.join(ctx, tx, w, key, s.numbers); err != nil {
		return Card{}, err
	}
	var facts []Fact
	for _, kind := range []FactKind{Name, BirthDate, Sex, Deceased} {
		if f, ok := s.facts[kind]; ok {
			f.Site, f.Key, f.Source, f.Origin = w.Site, key, FromFHIR, w.Origin
			facts = append(facts, f)
		}
	}
	if err := r.noteFHIR(ctx, tx, key, facts...); err != nil {
		return Card{}, err
	}
	return r.card(ctx, tx, w.Site, key)
}

// noteFHIR notes facts and journals that.
func (r *Register) noteFHIR(ctx context.Context, tx *db.Tx, key string, facts ...Fact) error {
	fresh, err := r.Note(ctx, tx, facts...)
	if err != nil || len(fresh) == 0 {
		return err
	}
	kinds := map[FactKind]int{}
	for _, f := range fresh {
		kinds[f.Kind]++
	}
	data, err := json.Marshal(kinds)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return r.Journal.Append(ctx, tx, journal.Entry{
		Site: fresh[0].Site, At: r.Now(), Actor: access.From(ctx).ID, Kind: "person.fact.noted", Subject: r.ResourceID(fresh[0].Site, key), Person: key, Data: data,
	})
}

// join links the other identifiers of a Patient with the one it is known by, where
// whoever asks may decide that.
func (r *Register) join(ctx context.Context, tx *db.Tx, w Writing, key string, numbers []number) error {
	if r.Nameless {
		return nil
	}
	keys, err := r.KeysIn(ctx, tx, w.Site, key)
	if err != nil {
		return err
	}
	for i, n := range numbers {
		other := r.Key(n.issuer, n.value)
		if slices.Contains(keys, other) {
			continue
		}
		at := pathOf("Patient.identifier", i)
		if !access.Can(ctx, access.LinkChange, access.Subject{Site: w.Site, Person: other}) {
			return fhir.Refuse(fhir.NotKept(at, "That this identifier means the same person is decided by people (Images, Put right) or told by HL7 v2; send the others without it."))
		}
		if err := r.file(ctx, tx, w.Site, Card{Key: other, Issuer: n.issuer, Identifier: n.value}); err != nil {
			return err
		}
		_, err := r.LinkIn(ctx, tx, Link{Site: w.Site, Kind: Linked, A: other, B: key, Reason: "Patient"})
		if fault.Of(err) == fault.Conflict && err != nil {
			return fhir.Refuse(fhir.NotKept(at, "Somebody decided that this identifier means another person."))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// CreateObservation keeps a height, weight or pregnancy of somebody who is known, within
// a transaction, and returns the fact; again is true if the same was said before.
func (r *Register) CreateObservation(ctx context.Context, tx *db.Tx, w Writing, o fhir.Resource) (f Fact, again bool, err error) {
	rd := &reader{}
	rd.only("Observation", o.Value(), "status", "category", "code", "subject", "effectiveDateTime", "effectiveInstant", "issued", "valueQuantity", "valueCodeableConcept")
	f = Fact{ID: o.ID(), Site: w.Site, Source: FromFHIR, Origin: w.Origin}
	if s := o.Get("status").Text(); !slices.Contains([]string{"final", "amended", "corrected"}, s) {
		rd.not("Observation.status", "Only what is final, amended or corrected is kept.")
	}
	rd.observed(o, &f)
	when := o.Get("effectiveDateTime").Text() + o.Get("effectiveInstant").Text()
	at, ok := moment(when, w.Zone)
	if !ok {
		rd.not(elementEffective, "Say when it was so: a day, or a day and time with a zone.")
	}
	f.At = at
	if f.Key, err = r.SubjectKey(ctx, tx, w.Site, o, "Observation.subject"); err != nil {
		rd.issues = append(rd.issues, fhir.Wrong(err)...)
		if fhir.Wrong(err) == nil {
			return f, false, err
		}
	}
	if err := fhir.Refuse(rd.issues...); err != nil {
		return f, false, err
	}
	before, err := r.factsOf(ctx, tx, w.Site, []string{f.Key})
	if err != nil {
		return f, false, err
	}
	if i := slices.IndexFunc(before, func(b Fact) bool {
		return b.Kind == f.Kind && b.At.Equal(db.FromMillis(db.Millis(f.At))) && b.Source == f.Source && b.Origin == f.Origin && b.Value == f.Value && b.Received == f.Received
	}); i >= 0 {
		return before[i], true, nil
	}
	if err := r.noteFHIR(ctx, tx, f.Key, f); err != nil {
		return f, false, err
	}
	f, err = r.BodyFact(ctx, tx, w.Site, f.ID)
	return f, false, err
}

// observed reads what an Observation is about, and its value.
func (rd *reader) observed(o fhir.Resource, f *Fact) {
	var b body
	for c := range o.Each("code.coding") {
		for _, one := range bodies {
			if code := c.Get("code").Text(); c.Get("system").Text() == loinc && (one.code == code || slices.Contains(one.also, code)) {
				b = one
			}
		}
	}
	f.Kind = b.kind
	switch {
	case b.kind == "":
		rd.not(elementCode, "Height (LOINC 8302-2), weight (29463-7, 3141-9) and pregnancy (82810-3) are kept here.")
	case b.unit == "":
		for c := range o.Each("valueCodeableConcept.coding") {
			i := slices.IndexFunc(pregnancies, func(p concept) bool { return p.system == c.Get("system").Text() && p.code == c.Get("code").Text() })
			if i >= 0 {
				f.Value, f.Received = pregnancies[i].value, pregnancies[i].code
				return
			}
		}
		rd.not(elementValue, "Say it by a LOINC answer (LA15173-0, LA26683-5, LA4489-6) or SNOMED CT (77386006, 60001007, 102874004).")
	default:
		rd.size(o, b, f)
	}
}

// size reads a Quantity.
func (rd *reader) size(o fhir.Resource, b body, f *Fact) {
	const wayOut = "A number with a unit of UCUM is needed, such as cm or kg, and without a comparator."
	v := o.Get("valueQuantity")
	rd.only("Observation.valueQuantity", v, "value", "unit", "system", "code")
	d, ok := v.Get("value").Decimal()
	code := v.Get("code").Text()
	if code == "" {
		code = v.Get("unit").Text()
	}
	u, err := ucum.Parse(code)
	if !ok || err != nil || v.Get("system").Text() != "" && v.Get("system").Text() != fhir.UCUM {
		rd.not(elementValue, wayOut)
		return
	}
	f.Received = v.Get("value").Text() + " " + code
	if d, err = ucum.Convert(d, u, ucum.Must(b.kept)); err != nil || d.Sign() <= 0 {
		rd.not(elementValue, wayOut)
		return
	}
	f.Value = d.String()
	if len(f.Value) > 20 {
		f.Value = strings.TrimRight(strings.TrimRight(d.Fixed(6), "0"), ".")
	}
}

// SubjectKey returns the key of the Patient that a resource is about, by reference or
// identifier. The error names the element if nobody is known by it.
func (r *Register) SubjectKey(ctx context.Context, q db.Querier, site string, of fhir.Resource, element string) (string, error) {
	subject := of.Get("subject")
	if ref := subject.Get("reference").Text(); ref != "" {
		parts := strings.Split(ref, "/")
		if len(parts) < 2 || parts[len(parts)-2] != "Patient" {
			return "", fhir.Refuse(fhir.NotKept(element, "It must be a Patient of this server: Patient/ID."))
		}
		c, err := r.Card(ctx, q, site, parts[len(parts)-1])
		if err != nil && fault.Of(err) == fault.NotFound {
			return "", fhir.Refuse(fhir.NotKept(element, "There is no such Patient here: create it first, or in the same transaction."))
		}
		return c.Key, err
	}
	id := subject.Get("identifier")
	key := ""
	if r.Key != nil {
		key = r.Key(IssuerOf(id.Get("system").Text()), id.Get("value").Text())
	}
	c, err := r.card(ctx, q, site, key)
	if err == nil && c.Key == "" {
		err = fhir.Refuse(fhir.NotKept(element, "Nobody is known by this identifier: create the Patient first, or in the same transaction."))
	}
	return c.Key, err
}
