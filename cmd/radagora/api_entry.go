package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/dose"
	"radagora/dose/entry"
	"radagora/fault"
)

// entries registers what programs may do with doses that no device sends.
func (d *apiDoor) entries() {
	a, group := entryAPI{d.house}, "Dose"
	operate(d, op{
		act: access.DoseEnter, call: "POST /dose/entries", id: "enter-dose", group: group, summary: "Enter the doses of an examination that no device sent",
		text:   "Values are converted to the unit that is kept, and stay marked with the method by which they became known. A dose report of the same examination replaces them.",
		status: http.StatusCreated,
	}, a.enter)
	operate(d, op{
		act: access.DoseEnter, call: "POST /dose/entries/{id}/withdrawal", id: "withdraw-dose", group: group, summary: "Take an entry out of what counts",
		text: "It stays, with its history.", status: http.StatusNoContent,
	}, a.withdraw)
}

// entryAPI takes doses from programs.
type entryAPI struct{ *house }

// An apiEntered is an examination as a program enters it.
type apiEntered struct {
	Machine     string           `json:"machine" maxLength:"200" doc:"id or serial number of a machine, or a room with one machine; any other name is a new machine"`
	Day         string           `json:"day" maxLength:"10" doc:"YYYY-MM-DD"`
	Time        string           `json:"time,omitempty" maxLength:"8" doc:"hh:mm, or with seconds"`
	Exam        string           `json:"exam,omitempty" maxLength:"64" doc:"code of the content set dose/exam"`
	Description string           `json:"description,omitempty" maxLength:"500" doc:"local name"`
	Accession   string           `json:"accession,omitempty" maxLength:"64"`
	Study       string           `json:"study,omitempty" maxLength:"64" doc:"Study Instance UID"`
	PatientID   string           `json:"patient_id,omitempty" maxLength:"64"`
	Name        string           `json:"name,omitempty" maxLength:"324" doc:"of the patient"`
	Birth       string           `json:"birth_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD"`
	Age         *float64         `json:"age,omitempty" minimum:"0" maximum:"130" doc:"years, where the day of birth is unknown"`
	Sex         string           `json:"sex,omitempty" enum:"M,F,O"`
	Height      *float64         `json:"height_m,omitempty" minimum:"0.2" maximum:"2.7"`
	Weight      *float64         `json:"weight_kg,omitempty" minimum:"0.2" maximum:"400"`
	Values      []apiEnteredDose `json:"values" minItems:"1" maxItems:"20"`
}

// An apiEnteredDose is one quantity.
type apiEnteredDose struct {
	Quantity string `json:"quantity" enum:"dlp,ctdivol_max,dap,rp,fluoro_time,agd,agd_left,agd_right,activity"`
	Value    string `json:"value" maxLength:"40" doc:"a decimal"`
	Unit     string `json:"unit" maxLength:"20" doc:"UCUM"`
	Method   string `json:"method" enum:"console,dap_meter,tube_output,table_value"`
}

type enterDose struct{ Body apiEntered }

type enteredAnswer struct {
	Body struct {
		ID      string `json:"id"`
		Study   string `json:"study" doc:"Study Instance UID, made up where none was given"`
		Version int    `json:"version"`
	}
}

func (a entryAPI) enter(ctx context.Context, in *enterDose) (*enteredAnswer, error) {
	b := in.Body
	x := entry.Record{
		Day: b.Day, Clock: b.Time, Exam: b.Exam, Description: b.Description, Accession: b.Accession, Study: b.Study, PatientID: b.PatientID,
		Name: b.Name, Birth: b.Birth, Age: decimalOf(b.Age), Sex: b.Sex, Height: decimalOf(b.Height), Weight: decimalOf(b.Weight),
	}
	for _, v := range b.Values {
		x.Values = append(x.Values, entry.Value{Quantity: dose.Quantity(v.Quantity), Raw: v.Value, RawUnit: v.Unit, Method: v.Method})
	}
	find, err := a.findMachine(ctx)
	if err != nil {
		return nil, err
	}
	if id, ok := find(b.Machine); ok {
		x.Machine = id
	} else {
		x.Station = b.Machine
	}
	e, wrong, err := a.Entered.Enter(ctx, at, access.From(ctx).ID, x)
	if err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		var words []string
		for _, w := range wrong {
			words = append(words, w.Column+": "+waysOut[w.Rule])
		}
		return nil, fault.Errorf(fault.Invalid, "%s", strings.Join(words, "; "))
	}
	var out enteredAnswer
	out.Body.ID, out.Body.Study, out.Body.Version = e.ID, e.Study, e.Version
	return &out, nil
}

type withdrawDose struct {
	ID   string `path:"id" maxLength:"36"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500"`
	}
}

func (a entryAPI) withdraw(ctx context.Context, in *withdrawDose) (*struct{}, error) {
	return nil, a.Entered.Withdraw(ctx, at, access.From(ctx).ID, in.ID, in.Body.Reason)
}

// decimalOf writes a number as it would be typed, "" for none.
func decimalOf(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}
