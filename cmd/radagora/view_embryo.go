package main

import (
	"cmp"
	"context"
	"strconv"

	"radagora/access"
	"radagora/dose"
	"radagora/dose/embryo"
	"radagora/web"
)

// An embryoView answers the pages of worksheets about embryos and fetuses.
type embryoView struct{ *view }

var _ web.DoseEmbryo = embryoView{}

// Embryo implements web.DoseEmbryo.
func (v embryoView) Embryo(ctx context.Context, study string) (web.EmbryoPage, error) {
	s, person, err := v.embryoStudy(ctx, study)
	if err != nil {
		return web.EmbryoPage{}, err
	}
	pg, err := v.head(ctx, s, person)
	if err != nil {
		return pg, err
	}
	all, err := v.house.Embryo.Of(ctx, at, study)
	if err != nil {
		return pg, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	for i := range all {
		w := shownEmbryo(&all[i], all[i].Declared(), names)
		w.State = all[i].State
		pg.Sheets = append(pg.Sheets, w)
	}
	return pg, nil
}

// head says what study it is about, and whose for those who may know.
func (v embryoView) head(ctx context.Context, s *dose.StoredStudy, person string) (web.EmbryoPage, error) {
	pg := web.EmbryoPage{Study: s.UID, Description: s.Description, At: moment(cmp.Or(s.Started, s.Day), v.zone(ctx))}
	err := access.Check(ctx, access.EmbryoDeclare, access.Subject{Site: at, Study: s.UID, Person: person})
	pg.May = err == nil || access.Need(err) == access.NeedFresh // whoever must prove it again is asked there
	if person != "" && access.Can(ctx, access.IdentityRead, access.Subject{Site: at, Person: person, Study: s.UID}) {
		card, err := v.named(ctx, v.DB, at, person)
		if err != nil {
			return pg, err
		}
		pg.Name, pg.Born = readable(card.Name), card.BirthDate
	}
	return pg, nil
}

// EmbryoBegin implements web.DoseEmbryo.
func (v embryoView) EmbryoBegin(ctx context.Context, study, id string) (web.EmbryoForm, error) {
	s, person, err := v.embryoStudy(ctx, study)
	if err != nil {
		return web.EmbryoForm{}, err
	}
	if err := access.Check(ctx, access.EmbryoDeclare, access.Subject{Site: at, Study: study, Person: person}); err != nil {
		return web.EmbryoForm{}, err
	}
	sheet := embryo.Begin(s)
	if id != "" {
		w, err := v.embryoSheet(ctx, study, id)
		if err != nil {
			return web.EmbryoForm{}, err
		}
		sheet = w.Declared().Sheet
	}
	f := embryoForm(sheet)
	if f.Of = id; f.Name == "" {
		names, err := v.accountNames(ctx)
		if err != nil {
			return f, err
		}
		f.Name = names[access.From(ctx).ID]
	}
	return f, nil
}

// EmbryoTry implements web.DoseEmbryo.
func (v embryoView) EmbryoTry(ctx context.Context, study string, f web.EmbryoForm) (web.EmbryoForm, web.EmbryoResult, []web.EmbryoWrong, error) {
	s, _, err := v.embryoStudy(ctx, study)
	if err != nil {
		return f, web.EmbryoResult{}, nil, err
	}
	sheet := embryo.Known(s, sheetOf(study, f))
	out := embryoForm(sheet)
	out.Of, out.Reason = f.Of, f.Reason
	r, wrong := sheet.Calculate()
	return out, embryoResult(r), embryoWrongs(wrong), nil
}

// EmbryoDeclare implements web.DoseEmbryo.
func (v embryoView) EmbryoDeclare(ctx context.Context, by web.Person, study string, f web.EmbryoForm) (string, []web.EmbryoWrong, error) {
	if f.Of != "" {
		if _, err := v.embryoSheet(ctx, study, f.Of); err != nil {
			return "", nil, err
		}
	}
	w, wrong, err := v.embryoDeclare(ctx, by.ID, f.Of, f.Reason, sheetOf(study, f))
	if err != nil || len(wrong) > 0 {
		return "", embryoWrongs(wrong), err
	}
	return w.ID, nil, nil
}

// EmbryoSheet implements web.DoseEmbryo.
func (v embryoView) EmbryoSheet(ctx context.Context, study, id string, version int) (web.EmbryoSheet, error) {
	s, person, err := v.embryoStudy(ctx, study)
	if err != nil {
		return web.EmbryoSheet{}, err
	}
	w, err := v.embryoSheet(ctx, study, id)
	if err != nil {
		return web.EmbryoSheet{}, err
	}
	of := w.Declared()
	if version > len(w.Versions) {
		return web.EmbryoSheet{}, notFound("version")
	}
	if version > 0 {
		of = w.Versions[version-1]
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return web.EmbryoSheet{}, err
	}
	out := shownEmbryo(w, of, names)
	for _, x := range w.Versions {
		out.Versions = append(out.Versions, web.EmbryoVersion{Number: x.Number, Kind: x.Kind, Reason: x.Reason, By: cmp.Or(names[x.By], x.By), At: x.At})
	}
	out.Page, err = v.head(ctx, s, person)
	return out, err
}

// EmbryoWithdraw implements web.DoseEmbryo.
func (v embryoView) EmbryoWithdraw(ctx context.Context, by web.Person, study, id, reason string) error {
	return v.embryoWithdraw(ctx, by.ID, study, id, reason)
}

// embryoWithdraw withdraws a worksheet on behalf of an account, that holds the right to.
func (h *house) embryoWithdraw(ctx context.Context, by, study, id, reason string) error {
	_, person, err := h.embryoStudy(ctx, study)
	if err != nil {
		return err
	}
	if err := access.Check(ctx, access.EmbryoDeclare, access.Subject{Site: at, Study: study, Person: person}); err != nil {
		return err
	}
	if _, err := h.embryoSheet(ctx, study, id); err != nil {
		return err
	}
	return h.Embryo.Withdraw(ctx, at, by, id, reason)
}

// shownEmbryo is a version of a worksheet for a page.
func shownEmbryo(w *embryo.Worksheet, x embryo.Version, names map[string]string) web.EmbryoSheet {
	newest := w.Version
	if w.State == embryo.Withdrawn {
		newest = w.Declared().Number
	}
	return web.EmbryoSheet{
		EmbryoForm: embryoForm(x.Sheet), ID: w.ID, State: w.State, Kind: x.Kind, By: cmp.Or(names[x.By], x.By), Program: x.Program,
		Version: x.Number, Newest: newest, At: x.At, Result: embryoResult(x.Result),
	}
}

// embryoForm is a sheet for a page.
func embryoForm(s embryo.Sheet) web.EmbryoForm {
	f := web.EmbryoForm{
		Weeks: s.Weeks, Days: s.Days, KnownBy: s.KnownBy, Method: s.Method, Combine: s.Combine, Assumptions: s.Assumptions, Note: s.Note, Name: s.Name, Role: s.Role,
		KnownBys: embryo.KnownBys(), Combines: embryo.Combines(), Places: embryo.Places(), Quantities: embryo.Quantities(),
	}
	for _, l := range s.Lines {
		f.Lines = append(f.Lines, web.EmbryoLine{
			Key: l.Key, Name: l.Name, Quantity: l.Quantity, Value: l.Value, Reported: l.Reported, Origin: l.Origin, Beam: l.Beam,
			Place: l.Place, Coefficient: l.Coefficient, Factor: l.Factor, Source: l.Source, Uncertainty: l.Uncertainty, Events: l.Events,
		})
	}
	return f
}

// sheetOf is what somebody filled in.
func sheetOf(study string, f web.EmbryoForm) embryo.Sheet {
	s := embryo.Sheet{
		Study: study, Weeks: f.Weeks, Days: f.Days, KnownBy: f.KnownBy, Method: f.Method, Combine: f.Combine, Assumptions: f.Assumptions,
		Note: f.Note, Name: f.Name, Role: f.Role,
	}
	for _, l := range f.Lines {
		s.Lines = append(s.Lines, embryo.Line{
			Key: l.Key, Name: l.Name, Quantity: l.Quantity, Value: l.Value, Place: l.Place, Coefficient: l.Coefficient, Factor: l.Factor,
			Source: l.Source, Uncertainty: l.Uncertainty,
		})
	}
	return s
}

// embryoResult is what a sheet comes to, for a page.
func embryoResult(r embryo.Result) web.EmbryoResult {
	out := web.EmbryoResult{Dose: r.Dose.Float(), Combine: r.Combine}
	if n, err := strconv.ParseFloat(r.Uncertainty, 64); err == nil {
		out.Uncertainty, out.Known = n, true
	}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, web.EmbryoStep{
			Value: s.Value.String(), Unit: s.Unit, Coefficient: s.Coefficient.String(), Factor: s.Factor.String(),
			Dose: s.Dose.Float(), Uncertainty: s.Uncertainty.Float(), Known: s.Known, Left: s.Left,
		})
	}
	return out
}

// embryoWrongs are what is wrong, for a page.
func embryoWrongs(all []embryo.Wrong) (out []web.EmbryoWrong) {
	for _, w := range all {
		out = append(out, web.EmbryoWrong{Line: w.Line, Field: w.Field, Rule: w.Rule})
	}
	return out
}
