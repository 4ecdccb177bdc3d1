package connect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/job"
	"radagora/journal"
	"radagora/worklist"
)

// Doses knows what studies came to.
type Doses interface {
	// Dose returns the dose of a study, with its sentence in a language. NotFound:
	// none was reported. Unavailable: it is not known yet.
	Dose(ctx context.Context, site, study, language string) (Dose, error)
}

// A Dose is what a study came to.
type Dose struct {
	Study     string
	Patient   worklist.Patient // as the study has them
	Accession string           // likewise
	At        time.Time        // when the study was made; the zero time if that is not known
	Sentence  string
	Values    []DoseValue
}

// A DoseValue is one quantity of a Dose.
type DoseValue struct {
	Quantity string // dlp_mgycm, ctdivol_mgy, dap_gym2, rp_gy, agd_mgy, activity_mbq
	Part     string // of what, where there are several of a quantity: the examination, or its event
	Value    string // a decimal number
	Unit     string // UCUM
}

// tellDose is the kind of the job that writes what a study came to.
const tellDose = "connect.dose.write"

// doseAttempts is how often it is tried to learn the dose of a study: what derives it
// may have a year to work off.
const doseAttempts = 1000

// doseLater has the dose of a study written once it is known, if somebody is to be
// told of it.
func (r *Register) doseLater(ctx context.Context, tx *db.Tx, e journal.Entry, to []Receiver) error {
	for _, c := range to {
		if c.gets(OutDose, e.At) {
			args, err := json.Marshal(map[string]string{"study": e.Subject})
			if err != nil {
				return fault.As(fault.Internal, err)
			}
			return r.Jobs.Add(ctx, tx, job.Job{Site: e.Site, Kind: tellDose, Key: e.Site + " " + e.Subject, Args: args})
		}
	}
	return nil
}

// tellDose writes what a complete study came to, for everybody who is to be told and
// was not told the same before.
func (r *Register) tellDose(ctx context.Context, j job.Job) error {
	var args struct{ Study string }
	if err := json.Unmarshal(j.Args, &args); err != nil || r.Doses == nil {
		return fault.As(fault.Invalid, err)
	}
	states, err := r.Orders.StudyStates(r.asSelf(ctx, j.Site), j.Site, worklist.StudyFilter{Study: args.Study, Limit: 1})
	if err != nil || len(states) == 0 || states[0].Complete.State != worklist.AnnouncedComplete {
		return err
	}
	to, err := r.receivers(ctx, r.DB, j.Site)
	if err != nil {
		return err
	}
	for _, c := range to {
		if !c.gets(OutDose, states[0].Complete.At) {
			continue
		}
		d, err := r.Doses.Dose(ctx, j.Site, args.Study, c.Language)
		if fault.Of(err) == fault.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		o, err := r.doseOrder(ctx, j.Site, states[0], d)
		if err != nil {
			return err
		}
		if err := r.putDose(ctx, c, d, o); err != nil {
			return err
		}
	}
	return nil
}

// doseOrder returns the order that a study belongs to, or what the study itself says.
func (r *Register) doseOrder(ctx context.Context, site string, s worklist.StudyState, d Dose) (o worklist.Order, err error) {
	if s.Order != "" && s.Match == worklist.Matched {
		o, err = r.Orders.Get(r.asSelf(ctx, site), site, s.Order)
		if err == nil || fault.Of(err) != fault.NotFound {
			return o, err
		}
	}
	return worklist.Order{Site: site, Patient: d.Patient, Accession: d.Accession, Person: r.Key(d.Patient.Issuer, d.Patient.ID)}, nil
}

// putDose writes the message, if it says something that the one before did not.
func (r *Register) putDose(ctx context.Context, c Receiver, d Dose, o worklist.Order) error {
	if o.Patient.ID == "" {
		return nil // of nobody: there is no one to tell it of
	}
	digest, err := digestOf(d, o)
	if err != nil {
		return err
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		before, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select digest from connect_outgoing where receiver_id = $1 and kind = $2 and subject = $3 and digest <> '' order by outgoing_id`, c.ID, OutDose, d.Study)
		if err != nil || len(before) > 0 && before[len(before)-1] == digest {
			return err
		}
		status := "F"
		if len(before) > 0 {
			status = "C"
		}
		seed := d.Study + " " + digest + " " + strconv.Itoa(len(before))
		return r.write(ctx, tx, c, OutDose, d.Study, o.Person, seed, digest, func(control string) (*hl7.Message, error) {
			return r.doseMessage(ctx, c, control, status, d, o)
		})
	})
}

// digestOf returns what tells whether two messages of a study say the same.
func digestOf(d Dose, o worklist.Order) (string, error) {
	placer, filler := numbersFor(o)
	d.Patient = worklist.Patient{ID: o.Patient.ID, Issuer: o.Patient.Issuer}
	text, err := json.Marshal([]any{d, placer, filler, o.Accession})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), fault.As(fault.Internal, err)
}

// doseMessage writes a dose as ORU^R01: a sentence, the study, and each number with
// the code of DICOM and the unit of UCUM.
func (r *Register) doseMessage(ctx context.Context, c Receiver, control, status string, d Dose, o worklist.Order) (*hl7.Message, error) {
	w, err := r.writerTo(ctx, c, "ORU", "R01", "ORU_R01", control)
	if err != nil {
		return nil, err
	}
	made := ""
	if !d.At.IsZero() {
		made = hl7.FormatTime(d.At.In(w.zone))
	}
	placer, filler := numbersFor(o)
	w.patient(o.Patient)
	w.segment("ORC")
	w.set("1", w.words.word("control", "result"))
	w.set("2.1", placer)
	w.set("3.1", filler)
	w.segment("OBR")
	w.set("1", "1")
	w.set("2.1", placer)
	w.set("3.1", filler)
	if o.Code != nil || o.Description != "" {
		w.coded("4", o.Code, o.Description)
	} else {
		w.concept("4", "text")
	}
	w.set("7", made)
	w.person("16", 2, o.ReferringPhysician)
	w.set("18", o.Accession)
	w.set("19", o.ProcedureID)
	w.set("22", hl7.FormatTime(w.now))
	w.set("25", status)
	uid := "HD"
	if c.Version == "2.3.1" {
		uid = "ST"
	}
	w.observed(status, made, "TX", "text", "", d.Sentence, "")
	w.observed(status, made, uid, "study", "", d.Study, "")
	for _, v := range d.Values {
		w.observed(status, made, "NM", v.Quantity, v.Part, v.Value, v.Unit)
	}
	return w.Message, w.err
}

// observed writes an OBX.
func (w *writer) observed(status, at, kind, quantity, part, value, unit string) {
	if value == "" {
		return
	}
	w.segment("OBX")
	w.set("1", strconv.Itoa(w.seen["OBX"]))
	w.set("2", kind)
	w.concept("3", quantity)
	w.set("4", part)
	w.set("5", value)
	if unit != "" {
		w.set("6.1", unit)
		w.set("6.2", unit)
		w.set("6.3", "UCUM")
	}
	w.set("11", status)
	w.set("14", at)
}

// concept writes what a quantity is called in messages.
func (w *writer) concept(field, quantity string) {
	system, text := w.words.outCode("dose", quantity)
	code, meaning, _ := strings.Cut(text, "^")
	w.set(field+".1", code)
	w.set(field+".2", meaning)
	w.set(field+".3", system)
}

// outCode returns the system and code of one of our words, in the rows of out.TARGET.
func (m *Mapping) outCode(target, value string) (system, text string) {
	for _, c := range m.codes["out."+target] {
		if c.code == value {
			return c.system, c.value
		}
	}
	return "L", value
}

// mayTell reports whether whoever asks may see what a message about somebody says.
func mayTell(ctx context.Context, act access.Act, m Outgoing) error {
	return access.Check(ctx, act, access.Subject{Site: m.Site, Person: m.Person})
}
