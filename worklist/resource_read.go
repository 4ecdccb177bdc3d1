package worklist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/dicom/uid"
	"radagora/fhir"
	"radagora/person"
)

// A reader reads a ServiceRequest and gathers what of it cannot be kept.
type reader struct{ issues []fhir.Issue }

func (rd *reader) not(element, wayOut string) {
	rd.issues = append(rd.issues, fhir.NotKept("ServiceRequest."+element, wayOut))
}

// only refuses the elements of an object that are not among those that are read. What a
// server sets itself and what people read are passed over.
func (rd *reader) only(at string, v fhir.Value, read ...string) {
	if at != "" {
		at += "."
	}
	for _, name := range v.Names() {
		if !slices.Contains(read, name) && (at != "" || !slices.Contains([]string{"resourceType", "id", "meta", "text", "language"}, name)) {
			rd.not(at+name, "This element is not kept here: leave it out.")
		}
	}
}

// ReadRequest writes what a ServiceRequest says into an order: a new one, or the one that
// is kept. Whom it is about is not read. A change says whether the order is to be
// cancelled. Errors name the elements that cannot be kept (fhir.Wrong).
func (o *Order) ReadRequest(r fhir.Resource, n Naming) (cancel bool, err error) {
	rd := &reader{}
	rd.only("", r.Value(), "extension", "identifier", "status", "intent", "category", "priority", "code", "orderDetail", "subject", "encounter",
		"occurrenceDateTime", "occurrencePeriod", "authoredOn", "requester", "performer", "locationReference", "reasonCode", "supportingInfo", "note")
	was := *o
	isNew := o.ID == "" || o.Version == 0
	switch status := r.Get("status").Text(); {
	case status == "revoked" && !isNew:
		cancel = true
	case status == "active" && isNew, !isNew && status == was.requestStatus():
	default:
		rd.not("status", "A new order is active; later it may be revoked. How far it is, machines and people tell.")
	}
	if intent := r.Get("intent").Text(); intent != "order" {
		rd.not("intent", "Only orders are kept: order.")
	}
	rd.category(r)
	rd.identifiers(r, o, n)
	rd.code(r, o)
	rd.steps(r, o, isNew)
	rd.texts(r, o, was)
	rd.reasons(r, o)
	rd.extensions(r, o)
	return cancel, fhir.Refuse(rd.issues...)
}

// category refuses what is no order of imaging.
func (rd *reader) category(r fhir.Resource) {
	is, some := false, false
	for c := range r.Each("category.coding") {
		some = true
		is = is || c.Get("system").Text() == snomed && c.Get("code").Text() == imaging
	}
	if some && !is || !some && r.Get("category").Exists() {
		rd.not("category", "Only orders of imaging are kept: SNOMED CT 363679005.")
	}
}

// identifiers reads the numbers.
func (rd *reader) identifiers(r fhir.Resource, o *Order, _ Naming) {
	i := -1
	for v := range r.Each("identifier") {
		i++
		at := fmt.Sprintf("identifier[%d]", i)
		rd.only(at, v, "use", "type", "system", "value")
		value, system, kind := strings.TrimSpace(v.Get("value").Text()), v.Get("system").Text(), ""
		for c := range v.Each("type.coding") {
			if c.Get("system").Text() == identifierTypes || kind == "" {
				kind = c.Get("code").Text()
			}
		}
		switch {
		case value == "":
			rd.not(at+".value", "An identifier needs a value.")
		case system == dicomUID:
			u, err := uid.Parse(strings.TrimPrefix(value, "urn:oid:"))
			if err != nil {
				rd.not(at+".value", "This is no Study Instance UID: urn:oid: and a UID.")
			}
			o.Study = u.String()
		case kind == "ACSN":
			o.Accession, o.AccessionIssuer = value, ""
			if system != "" {
				o.AccessionIssuer = person.IssuerOf(system)
			}
		case kind == "PLAC", kind == "" && v.Get("type.text").Text() == "":
			o.Placer = value
		case kind == "FILL":
			o.Filler = value
		case v.Get("type.text").Text() == procedureText:
			o.ProcedureID = value
		default:
			rd.not(at, "Identifiers of the types ACSN, PLAC and FILL and the Study Instance UID (urn:dicom:uid) are kept.")
		}
	}
}

// code reads what is to be done.
func (rd *reader) code(r fhir.Resource, o *Order) {
	rd.only("code", r.Get("code"), "coding", "text")
	text := r.Get("code.text").Text()
	i := 0
	o.Code = nil
	for c := range r.Each("code.coding") {
		if i++; i > 1 {
			rd.not("code.coding[1]", "One code is kept, as in DICOM: send that of the procedure.")
			break
		}
		if c.Get("code").Text() == "" || c.Get("system").Text() == "" {
			rd.not("code.coding[0]", "A code needs its system.")
			break
		}
		code := codeOf(c, text)
		o.Code = &code
	}
	if o.Description = text; text == "" && o.Code != nil {
		o.Description = o.Code.Meaning
	}
	if o.Description == "" {
		rd.not("code", "Say what is to be done: a code, or a text.")
	}
}

// steps reads when, by what and where.
func (rd *reader) steps(r fhir.Resource, o *Order, isNew bool) {
	begin := r.Get("occurrenceDateTime").Text()
	if begin == "" {
		begin = r.Get("occurrencePeriod.start").Text()
		if r.Get("occurrencePeriod.end").Exists() {
			rd.not("occurrencePeriod.end", "Only when it begins is kept.")
		}
	}
	at, err := time.Parse(time.RFC3339Nano, begin)
	if err != nil {
		rd.not("occurrence[x]", "Say when it is scheduled: a day and time with a zone.")
	}
	var modalities, titles []string
	for c := range r.Each("orderDetail.coding") {
		if c.Get("system").Text() == dcm {
			modalities = append(modalities, c.Get("code").Text())
		} else {
			rd.not("orderDetail", "Only the modality is kept: a code of "+dcm+", such as CT.")
		}
	}
	if len(modalities) == 0 {
		rd.not("orderDetail", "Say the modality, for the worklist: a code of "+dcm+", such as CT.")
	}
	for v := range r.Each("performer") {
		rd.only("performer", v, "type", "identifier", "display")
		if v.Get("identifier.system").Text() != stationSystem || v.Get("identifier.value").Text() == "" {
			rd.not("performer", "Only machines are kept: an identifier with the system "+stationSystem+" and the application entity title.")
			continue
		}
		titles = append(titles, v.Get("identifier.value").Text())
	}
	room := r.Get("locationReference.display").Text()
	if r.Get("locationReference.reference").Exists() {
		rd.not("locationReference.reference", "Name the room by display.")
	}
	switch {
	case isNew && len(modalities) > 1:
		rd.not("orderDetail", "One modality an order: send an order for each.")
	case isNew && len(modalities) == 1:
		o.Steps = []Step{{Modality: modalities[0], Stations: titles, Start: begin, Location: room}}
	case isNew || err != nil:
	case len(o.Steps) > 0:
		rd.restep(o, modalities, titles, room, at)
	}
}

// restep changes the first step of an order that is kept, if that is the only one.
func (rd *reader) restep(o *Order, modalities, titles []string, room string, at time.Time) {
	have := *o
	s := o.Steps[0]
	if !s.StartAt.Equal(at.Truncate(time.Second)) {
		s.Start = at.Format(time.RFC3339)
	}
	s.Location = room
	if len(o.Steps) == 1 {
		if len(modalities) == 1 {
			s.Modality = modalities[0]
		}
		if len(titles) > 0 {
			s.Stations = titles
		}
		o.Steps = []Step{s}
		return
	}
	same := len(modalities) == len(have.modalities()) && (len(titles) == 0 || len(titles) == len(have.performers()))
	if s.Start != have.Steps[0].Start || s.Location != have.Steps[0].Location || !same {
		rd.not("occurrence[x]", "This order has several steps: change them at /api/worklist.")
	}
}

// texts reads priority, people, visit, and remarks.
func (rd *reader) texts(r fhir.Resource, o *Order, was Order) {
	if p := r.Get("priority").Text(); p != priorityOf(was.Priority) {
		o.Priority = ""
		for _, x := range priorities {
			if x.fhir == p {
				o.Priority = x.order
				break
			}
		}
	}
	if a := r.Get("authoredOn").Text(); a != "" {
		at, err := time.Parse(time.RFC3339Nano, a)
		if err != nil {
			rd.not("authoredOn", "Give a day and time with a zone, or leave it out.")
		} else if created := was.CreatedAt; created.IsZero() || !at.Equal(created.Truncate(time.Second)) {
			o.AuthoredAt = at.UTC()
		}
	}
	for v := range r.Each("supportingInfo") {
		if !strings.HasPrefix(v.Get("reference").Text(), "Observation/") {
			rd.not("supportingInfo", "Observations of this server are known already; others are not kept: create them for the Patient.")
		}
	}
	rd.only("requester", r.Get("requester"), "display", "type")
	if name := r.Get("requester.display").Text(); name != person.Readable(was.RequestingPhysician) {
		o.RequestingPhysician = nameOf(name)
	}
	rd.only("encounter", r.Get("encounter"), "identifier", "type", "display")
	o.Patient.Admission = r.Get("encounter.identifier.value").Text()
	var notes []string
	for v := range r.Each("note") {
		rd.only("note", v, "text")
		notes = append(notes, v.Get("text").Text())
	}
	o.Comments = strings.Join(notes, "\n")
}

// nameOf writes a name of people as DICOM does.
func nameOf(s string) string {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "^") {
		return s
	}
	if family, given, ok := strings.Cut(s, ","); ok {
		return strings.TrimSpace(family) + "^" + strings.TrimSpace(given)
	}
	words := strings.Fields(s)
	if len(words) < 2 {
		return s
	}
	last := len(words) - 1
	return words[last] + "^" + strings.Join(words[:last], " ")
}

// reasons reads why.
func (rd *reader) reasons(r fhir.Resource, o *Order) {
	o.Reason, o.ReasonCodes = "", nil
	var words []string
	take := func(c fhir.Value) {
		text := c.Get("text").Text()
		coded := false
		for one := range c.Each("coding") {
			if one.Get("code").Text() == "" || one.Get("system").Text() == "" {
				rd.not("reasonCode", "A code needs its system.")
				continue
			}
			o.ReasonCodes, coded = append(o.ReasonCodes, codeOf(one, text)), true
		}
		if text != "" && (!coded || o.ReasonCodes[len(o.ReasonCodes)-1].Meaning != text) {
			words = append(words, text)
		}
	}
	for c := range r.Each("reasonCode") {
		take(c)
	}
	for x := range r.Each("extension") {
		if x.Get("url").Text() != newer+"reason" {
			continue
		}
		for part := range x.Each("extension") {
			if part.Get("url").Text() == "concept" {
				take(part.Get("valueCodeableConcept"))
			} else {
				rd.not("extension", "A reason is kept by its concept.")
			}
		}
	}
	o.Reason = strings.Join(words, "; ")
}

// extensions reads what R5 says in elements that R4 has not.
func (rd *reader) extensions(r fhir.Resource, o *Order) {
	for x := range r.Each("extension") {
		switch x.Get("url").Text() {
		case newer + "reason":
		case newer + "supportingInfo":
			value := ""
			for part := range x.Each("extension") {
				for c := range part.Each("valueCodeableConcept.coding") {
					if v := person.PregnancyOf(c.Get("system").Text(), c.Get("code").Text()); v != "" {
						value = v
					}
				}
			}
			if o.Patient.Pregnancy = Pregnancy(value); value == "" {
				rd.not("extension", "Of supporting information a pregnancy is kept: send sizes as Observations of the Patient.")
			}
		default:
			rd.not("extension", "This extension is not kept here: leave it out.")
		}
	}
}

// elements are where a ServiceRequest says what an order has in a field.
var elements = []struct{ field, element, wayOut string }{
	{"patient.name", "subject", "The Patient has no name: an order needs one."},
	{"patient.", "subject", "The Patient has what a worklist cannot show."},
	{"accession", "identifier", "The accession number does not fit: at most 16 characters, without backslash."},
	{"placer", "identifier", "The placer order number does not fit: at most 64 characters, without backslash."},
	{"filler", "identifier", "The filler order number does not fit: at most 64 characters, without backslash."},
	{"procedure_id", "identifier", "The requested procedure does not fit: at most 16 characters, without backslash."},
	{"study_uid", "identifier", "The Study Instance UID is none, or cannot be changed any more."},
	{"code", "code", "The code does not fit DICOM: value and system designator of at most 16 characters, a display of at most 64."},
	{"description", "code", "Say what is to be done, in at most 64 characters."},
	{"reason", "reasonCode", "Reasons have at most 64 characters; codes at most 16, with a display."},
	{"requesting_physician", "requester", "The name does not fit DICOM: at most 64 characters."},
	{"comments", "note", "Remarks have at most 10240 characters."},
	{"priority", "priority", "It is routine, urgent, asap or stat."},
	{"steps", "occurrence[x]", "What is scheduled does not fit: start, modality, machine or room."},
}

// AsRequest names the elements of a ServiceRequest where an order could not be kept for
// its fields; other errors stay.
func AsRequest(err error) error {
	wrong := Wrong(err)
	if wrong == nil {
		return err
	}
	rd := &reader{}
	for _, f := range wrong {
		element, wayOut := "code", "The order cannot be kept: "+f.Field+"."
		for _, e := range elements {
			if strings.HasPrefix(f.Field, e.field) {
				element, wayOut = e.element, e.wayOut
				break
			}
		}
		rd.not(element, wayOut)
	}
	return fhir.Refuse(rd.issues...)
}
