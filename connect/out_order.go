package connect

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"radagora/hl7"
	"radagora/worklist"
)

// A writer writes a message segment by segment. The first error is kept.
type writer struct {
	*hl7.Message
	to    Receiver
	words *Mapping
	zone  *time.Location
	now   time.Time
	seen  map[string]int
	name  string // of the segment being written
	err   error
}

// writerTo begins a message to a receiver.
func (r *Register) writerTo(ctx context.Context, c Receiver, code, trigger, structure, control string) (*writer, error) {
	mapping, err := r.mapping(c.Site, c.Mapping)
	if err != nil {
		return nil, err
	}
	zone := r.reading(ctx, Channel{Site: c.Site}).Place
	now := r.Now().In(zone)
	m, err := c.begin(code, trigger, structure, control, now)
	if err != nil {
		return nil, err
	}
	return &writer{Message: m, to: c, words: mapping, zone: zone, now: now, seen: map[string]int{}}, nil
}

// word returns the code in which a receiver has one of our words: a row of out.TARGET,
// or a row of TARGET of its own set, read backwards; else the word itself.
func (m *Mapping) word(target, value string) string {
	for _, c := range m.codes["out."+target] {
		if c.code == value {
			return c.value
		}
	}
	for _, c := range m.codes[target][:m.own[target]] {
		if c.value == value {
			return c.code
		}
	}
	return value
}

// segment begins the next segment of a name.
func (w *writer) segment(name string) {
	w.seen[name]++
	w.name = name
}

// set writes text into a field of the segment; "" is left out.
func (w *writer) set(field, text string) {
	if w.err != nil || text == "" {
		return
	}
	w.err = w.Set(w.name+"["+strconv.Itoa(w.seen[w.name])+"]-"+field, text)
}

// person writes a person's name of DICOM from a component of a field on, as XPN and XCN
// have it.
func (w *writer) person(field string, from int, name string) {
	alphabetic, _, _ := strings.Cut(name, "=")
	parts := strings.Split(alphabetic, "^")
	for i, at := range []int{0, 1, 2, 4, 3} { // DICOM: prefix, suffix; HL7: suffix, prefix
		if i < len(parts) {
			w.set(field+"."+strconv.Itoa(from+at), parts[i])
		}
	}
}

// coded writes a coded concept, or its words alone.
func (w *writer) coded(field string, c *worklist.Code, words string) {
	if c != nil {
		w.set(field+".1", c.Value)
		w.set(field+".3", c.Scheme)
		words = cmp.Or(c.Meaning, words)
	}
	w.set(field+".2", words)
}

// patient writes PID and, where a place is known, PV1.
func (w *writer) patient(p worklist.Patient) {
	w.segment("PID")
	w.set("1", "1")
	w.set("3.1", p.ID)
	w.set("3.4", cmp.Or(p.Issuer, w.to.Home))
	w.set("3.5", "PI")
	w.person("5", 1, p.Name)
	if p.Name != "" {
		w.set("5.7", "L")
	}
	w.set("7", strings.ReplaceAll(p.BirthDate, "-", ""))
	w.set("8", w.words.word("sex", p.Sex))
	if p.Location != "" {
		w.segment("PV1")
		w.set("1", "1")
		w.set("2", "U")
		w.set("3", p.Location)
	}
}

// numbers are what an order is called: ours where whoever ordered gave none.
func numbersFor(o worklist.Order) (placer, filler string) {
	ours := o.Accession
	if o.ProcedureID != "" && o.ProcedureID != o.Accession {
		ours += "-" + o.ProcedureID
	}
	return cmp.Or(o.Placer, ours), cmp.Or(o.Filler, ours)
}

// start returns when a step begins, with its zone.
func (w *writer) start(s worklist.Step) string {
	t, err := time.ParseInLocation("2006-01-02T15:04:05", s.Start, w.zone)
	if err != nil {
		return ""
	}
	return hl7.FormatTime(t)
}

// orderMessage writes what happened to an order, with a group for each step: of the
// one that changed, or of all.
func (r *Register) orderMessage(ctx context.Context, c Receiver, id, control string, h happening) (*hl7.Message, error) {
	code := [3]string{"ORM", "O01", "ORM_O01"}
	if c.Form == FormOMI {
		code = [3]string{"OMI", "O23", "OMI_O23"}
	}
	w, err := r.writerTo(ctx, c, code[0], code[1], code[2], id)
	if err != nil {
		return nil, err
	}
	w.patient(h.order.Patient)
	n := 0
	for _, s := range h.order.Steps {
		if h.step != "" && s.Key != h.step || h.step == "" && control == "change" && s.State == worklist.Cancelled {
			continue
		}
		if h.step != "" || h.state == worklist.Cancelled {
			s.State = h.state
		}
		n++
		if c.Form == FormOMI {
			w.imagingOrder(n, control, h, s)
		} else {
			w.order(n, control, h, s)
		}
	}
	return w.Message, w.err
}

// common writes ORC.
func (w *writer) common(control string, h happening, s worklist.Step) {
	placer, filler := numbersFor(h.order)
	w.segment("ORC")
	w.set("1", w.words.word("control", control))
	w.set("2.1", placer)
	w.set("3.1", filler)
	w.set("5", w.words.word("status", string(s.State)))
	w.set("9", hl7.FormatTime(h.At.In(w.zone)))
	w.person("12", 2, h.order.RequestingPhysician)
}

// request writes what OBR has of an order in both forms.
func (w *writer) request(n int, o worklist.Order) {
	placer, filler := numbersFor(o)
	w.segment("OBR")
	w.set("1", strconv.Itoa(n))
	w.set("2.1", placer)
	w.set("3.1", filler)
	w.coded("4", o.Code, cmp.Or(o.Description, o.ProcedureID, o.Accession))
	w.person("16", 2, o.ReferringPhysician)
	if len(o.ReasonCodes) > 0 {
		w.coded("31", &o.ReasonCodes[0], o.Reason)
	}
	w.set("13", o.Reason)
}

// order writes a step as ORM^O01, at the places where IHE Radiology Scheduled Workflow
// has them.
func (w *writer) order(n int, control string, h happening, s worklist.Step) {
	o, start := h.order, w.start(s)
	w.common(control, h, s)
	w.set("7.4", start)
	w.set("7.6", w.words.word("priority", o.Priority))
	w.request(n, o)
	w.set("18", o.Accession)
	w.set("19", o.ProcedureID)
	w.set("20", s.ID)
	if len(s.Stations) > 0 {
		w.set("21", s.Stations[0])
	}
	w.set("24", w.words.word("modality", s.Modality))
	w.set("27.4", start)
	w.set("27.6", w.words.word("priority", o.Priority))
	w.set("36", start)
	if o.Study == "" {
		return
	}
	w.segment("ZDS")
	w.set("1.1", o.Study)
	w.set("1.2", w.to.Application)
	w.set("1.3", "Application")
	w.set("1.4", "DICOM")
}

// imagingOrder writes a step as OMI^O23 (v2.5.1 chapter 4, section 4.4.12).
func (w *writer) imagingOrder(n int, control string, h happening, s worklist.Step) {
	o := h.order
	w.common(control, h, s)
	w.segment("TQ1")
	w.set("1", "1")
	w.set("7", w.start(s))
	w.set("9.1", w.words.word("priority", o.Priority))
	w.request(n, o)
	w.segment("IPC")
	w.set("1.1", o.Accession)
	w.set("2.1", o.ProcedureID)
	w.set("3.1", o.Study)
	w.set("4.1", s.ID)
	w.set("5.1", w.words.word("modality", s.Modality))
	if len(s.Protocol) > 0 {
		w.coded("6", &s.Protocol[0], "")
	}
	if len(s.StationNames) > 0 {
		w.set("7.1", s.StationNames[0])
	}
	if len(s.Stations) > 0 {
		w.set("9", s.Stations[0])
	}
}
