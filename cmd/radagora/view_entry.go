package main

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/dose"
	"radagora/dose/entry"
	"radagora/web"
	"radagora/web/face"
)

// An entryView takes doses that no device sends.
type entryView struct{ *view }

// Entry implements web.Entry.
func (v entryView) Entry(ctx context.Context, language, id string) (pg web.EntryPage, err error) {
	p, err := v.plan(ctx)
	if err != nil {
		return pg, err
	}
	for _, room := range p.Rooms {
		for _, m := range room.Machines {
			label := room.Name
			if len(room.Machines) > 1 {
				label += ": " + m.Name
			}
			pg.Machines = append(pg.Machines, face.Choice{Code: m.ID, Label: label})
		}
	}
	exams, err := v.Content.Table(at, "dose/exam", "codes")
	if err != nil {
		return pg, err
	}
	w := words{v.Content}
	for row := range exams.All() {
		pg.Exams = append(pg.Exams, w.exam(row.Text("exam_code"), language))
	}
	for _, q := range entry.Quantities() {
		pg.Quantities = append(pg.Quantities, face.Choice{Code: string(q)})
		units, err := entry.Units(v.Content, at, q)
		if err != nil {
			return pg, err
		}
		for _, u := range units {
			if !slices.ContainsFunc(pg.Units, func(c face.Choice) bool { return c.Code == u }) {
				pg.Units = append(pg.Units, face.Choice{Code: u, Label: u})
			}
		}
	}
	if id != "" {
		e, err := v.Entered.Find(ctx, v.DB, at, id)
		if err != nil {
			return pg, err
		}
		pg.Form, pg.Correct = entryForm(e.Record), id
	}
	return pg, v.lists(ctx, p, language, &pg)
}

// lists fills in what was entered.
func (v entryView) lists(ctx context.Context, p plan, language string, pg *web.EntryPage) error {
	all, err := v.Entered.List(ctx, at, 100)
	if err != nil {
		return err
	}
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.ID
	}
	placed, err := v.Dose.Placements(ctx, at, ids)
	if err != nil {
		return err
	}
	w := words{v.Content}
	for _, e := range all {
		l := web.EntryLine{
			ID: e.ID, Day: e.Record.Day, Room: p.ref(p.of(e.Record.Machine)).Name, By: e.By, At: e.At, Study: e.Study, Version: e.Version,
			Withdrawn: e.State != entry.Stands,
		}
		if e.Record.Exam != "" {
			l.Exam = w.exam(e.Record.Exam, language).Label
		}
		var values []string
		for _, x := range e.Record.Values {
			values = append(values, x.Raw+" "+x.RawUnit)
			if !slices.Contains(l.Methods, x.Method) {
				l.Methods = append(l.Methods, x.Method)
			}
		}
		l.Values = strings.Join(values, ", ")
		place, known := placed[e.ID]
		l.Replaced = known && !place.Counted
		pg.Entries = append(pg.Entries, l)
	}
	batches, err := v.Entered.Batches(ctx, at)
	for i := range batches {
		pg.Batches = append(pg.Batches, entryBatch(&batches[i]))
	}
	return err
}

// entryBatch is an import as pages show it.
func entryBatch(b *entry.Batch) web.EntryBatch {
	return web.EntryBatch{
		ID: b.ID, Product: b.Layout.Product, Release: b.Layout.Release, By: b.By, Digest: b.Digest, Taken: b.Taken, Left: len(b.Told.Left), At: b.At,
		Undone: !b.UndoneAt.IsZero(), SignedBy: b.SignedBy, SignedAt: b.SignedAt,
	}
}

// entryForm is a record as the form shows it.
func entryForm(x entry.Record) web.EntryForm {
	f := web.EntryForm{
		Machine: x.Machine, Day: x.Day, Clock: x.Clock, Exam: x.Exam, Description: x.Description, Accession: x.Accession, Study: x.Study,
		PatientID: x.PatientID, Name: x.Name, Birth: x.Birth, Age: x.Age, Sex: x.Sex, Height: x.Height, Weight: x.Weight, Screen: x.Screen,
	}
	for i := range min(len(f.Value), len(x.Values)) {
		v := x.Values[i]
		f.Quantity[i], f.Value[i], f.Unit[i], f.Method[i] = string(v.Quantity), v.Raw, v.RawUnit, v.Method
	}
	return f
}

// EnterDose implements web.Entry.
func (v entryView) EnterDose(ctx context.Context, who web.Person, id, reason string, f web.EntryForm) ([]web.EntryWrong, error) {
	if err := may(ctx, access.DoseEnter); err != nil {
		return nil, err
	}
	x := entry.Record{
		Day: f.Day, Clock: f.Clock, Exam: f.Exam, Description: f.Description, Accession: f.Accession, Study: f.Study,
		PatientID: f.PatientID, Name: f.Name, Birth: f.Birth, Age: f.Age, Sex: f.Sex, Height: f.Height, Weight: f.Weight, Screen: f.Screen,
	}
	for i := range f.Value {
		if f.Value[i] != "" || f.Quantity[i] != "" {
			x.Values = append(x.Values, entry.Value{Quantity: dose.Quantity(f.Quantity[i]), Raw: f.Value[i], RawUnit: f.Unit[i], Method: f.Method[i]})
		}
	}
	find, err := v.findMachine(ctx)
	if err != nil {
		return nil, err
	}
	if known, ok := find(f.Machine); ok {
		x.Machine = known
	} else {
		x.Station = f.Machine
	}
	var wrong []entry.Wrong
	if id == "" {
		_, wrong, err = v.Entered.Enter(ctx, at, who.ID, x)
	} else {
		_, wrong, err = v.Entered.Correct(ctx, at, who.ID, id, reason, x)
	}
	return entryWrong(wrong), err
}

// entryWrong is what is wrong as pages show it.
func entryWrong(all []entry.Wrong) (out []web.EntryWrong) {
	for _, w := range all {
		out = append(out, web.EntryWrong{Line: w.Line, Column: w.Column, Rule: w.Rule})
	}
	return out
}

// WithdrawDose implements web.Entry.
func (v entryView) WithdrawDose(ctx context.Context, who web.Person, id, reason string) error {
	if err := may(ctx, access.DoseEnter); err != nil {
		return err
	}
	return v.Entered.Withdraw(ctx, at, who.ID, id, reason)
}

// ImportDoses implements web.Entry. For a machine in a room whose tables were read before
// the columns are as they were then.
func (v entryView) ImportDoses(ctx context.Context, who web.Person, raw []byte, product, release, machine, method string, dry bool) (out web.EntryTrial, err error) {
	if err := may(ctx, access.DoseEnter); err != nil {
		return out, err
	}
	p, err := v.plan(ctx)
	if err != nil {
		return out, err
	}
	l := entry.Layout{Product: product, Release: release, Machine: machine, Method: method}
	if room, ok := p.RoomOf(machine); ok && product == "" {
		saved, err := v.Entered.LayoutOf(ctx, at, room.ID)
		if err != nil {
			return out, err
		}
		l.Columns, l.Units, l.Method = saved.Columns, saved.Units, cmp.Or(method, saved.Method)
	}
	t, err := v.Entered.Import(ctx, at, who.ID, raw, l, dry)
	return web.EntryTrial{Batch: t.Batch, Rows: t.Told.Rows, Taken: t.Taken, Called: t.Called, Wrong: entryWrong(t.Told.Wrong)}, err
}

// UndoImport implements web.Entry.
func (v entryView) UndoImport(ctx context.Context, who web.Person, id string) error {
	if err := may(ctx, access.DoseEnter); err != nil {
		return err
	}
	return v.Entered.Undo(ctx, at, who.ID, id)
}

// Reconciliation implements web.Entry.
func (v entryView) Reconciliation(ctx context.Context, id string) (a web.EntryAccount, err error) {
	r, err := v.Entered.Reconcile(ctx, at, id)
	if err != nil {
		return a, err
	}
	a.EntryBatch, a.Pending, a.Holds = entryBatch(&r.Batch), r.Pending, r.Holds()
	for _, l := range r.Lines {
		a.Lines = append(a.Lines, web.EntryAccountLine{
			Room: l.Room, Year: l.Year, Theirs: strconv.Itoa(l.Theirs), Ours: strconv.Itoa(l.Ours), Difference: strconv.Itoa(l.Ours - l.Theirs), Replaced: l.Replaced,
			Differs: l.Ours != l.Theirs,
		})
		for _, q := range l.Quantities {
			a.Lines = append(a.Lines, web.EntryAccountLine{
				Room: l.Room, Year: l.Year, What: string(q.Quantity), Unit: dose.QuantityUnit(q.Quantity),
				Theirs: q.Theirs, Ours: q.Ours, Difference: q.Difference, Differs: q.Difference != "0",
			})
		}
	}
	for _, l := range r.Left {
		a.Left = append(a.Left, web.EntryLeft{EntryWrong: web.EntryWrong{Line: l.Line, Column: l.Column, Rule: l.Rule}, Called: l.Called, Year: l.Year})
	}
	return a, nil
}

// SignImport implements web.Entry.
func (v entryView) SignImport(ctx context.Context, who web.Person, id string) error {
	if err := may(ctx, access.DoseReconcile); err != nil {
		return err
	}
	return v.Entered.Sign(ctx, at, who.ID, id)
}

// ReconciliationFile implements web.Entry.
func (v entryView) ReconciliationFile(ctx context.Context, w io.Writer, id string) error {
	r, err := v.Entered.Reconcile(ctx, at, id)
	if err != nil {
		return err
	}
	return r.WriteCSV(w)
}
