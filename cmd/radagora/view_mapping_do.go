package main

import (
	"cmp"
	"context"
	"io"
	"maps"

	"radagora/access"
	"radagora/dose"
	"radagora/fault"
	"radagora/web"
)

// Decide implements web.Mapping.
func (v mappingView) Decide(ctx context.Context, who web.Person, m web.MappingDecision) error {
	if err := may(ctx, access.MappingPropose); err != nil {
		return err
	}
	name, err := nameOfID(m.ID)
	if err != nil {
		return err
	}
	if err := v.mayAlone(ctx); err != nil {
		return err
	}
	_, err = v.Dose.ProposeName(ctx, dose.NameProposal{
		Site: at, Name: name.Text, Source: name.Source, Machines: m.Machines, Exam: cmp.Or(m.Exam, dose.NotAnExamination),
		Indication: m.Indication, KnownBy: dose.KnownBy(m.KnownBy), Why: m.Why, By: who.ID,
	})
	if fault.Of(err) == fault.Conflict {
		return web.Refuse(map[string]string{"exam": "mapping.wrong_waits"})
	}
	return err
}

// mayAlone refuses who may not approve where what somebody proposes holds at once.
func (v mappingView) mayAlone(ctx context.Context) error {
	alone, err := v.Dose.Alone(ctx, at)
	if err != nil || !alone.Alone {
		return err
	}
	return may(ctx, access.MappingApprove)
}

// Settle implements web.Mapping.
func (v mappingView) Settle(ctx context.Context, who web.Person, ids []string, approve bool, why string) error {
	if err := may(ctx, access.MappingApprove); err != nil {
		return err
	}
	if approve {
		return v.Dose.AgreeNames(ctx, at, ids, who.ID)
	}
	for _, id := range ids {
		if err := v.Dose.RefuseName(ctx, at, id, who.ID, why); err != nil {
			return err
		}
	}
	return nil
}

// Undo implements web.Mapping.
func (v mappingView) Undo(ctx context.Context, who web.Person, id string) error {
	if err := may(ctx, access.MappingPropose); err != nil {
		return err
	}
	if id == "" {
		last, ok, err := v.Dose.LastStep(ctx, at, who.ID)
		if err != nil {
			return err
		}
		if !ok {
			return notFound("decision to take back")
		}
		id = last.ID
	}
	step, err := v.Dose.Step(ctx, at, id)
	if err != nil {
		return err
	}
	if step.By != who.ID || step.Kind != dose.StepProposed {
		if err := may(ctx, access.MappingApprove); err != nil {
			return err
		}
	}
	_, err = v.Dose.UndoStep(ctx, at, id, who.ID)
	return err
}

// DecideAlone implements web.Mapping.
func (v mappingView) DecideAlone(ctx context.Context, who web.Person, alone bool, why string) error {
	if err := may(ctx, access.MappingApprove); err != nil {
		return err
	}
	return v.Dose.DecideAlone(ctx, dose.Alone{Site: at, Alone: alone, By: who.ID, Why: why})
}

// ImportNames implements web.Mapping.
func (v mappingView) ImportNames(ctx context.Context, who web.Person, table io.Reader, dry bool) (web.NameImport, error) {
	if err := may(ctx, access.MappingPropose); err != nil {
		return web.NameImport{}, err
	}
	if err := v.mayAlone(ctx); err != nil {
		return web.NameImport{}, err
	}
	find, err := v.findMachine(ctx)
	if err != nil {
		return web.NameImport{}, err
	}
	made, err := v.Dose.ImportMappings(ctx, at, who.ID, table, dry, find)
	out := web.NameImport{ID: made.Batch, New: made.New, Change: made.Change, Same: made.Same}
	for _, e := range made.Errors {
		out.Errors = append(out.Errors, web.NameRowError{Line: e.Line, Why: e.Why})
	}
	return out, err
}

// UndoImport implements web.Mapping.
func (v mappingView) UndoImport(ctx context.Context, who web.Person, id string) error {
	if err := may(ctx, access.MappingApprove); err != nil {
		return err
	}
	_, err := v.Dose.UndoImport(ctx, at, id, who.ID)
	return err
}

// ExportNames implements web.Mapping.
func (v mappingView) ExportNames(ctx context.Context, w io.Writer) error {
	if err := may(ctx, access.MappingRead); err != nil {
		return err
	}
	people, err := v.callPeople(ctx)
	if err != nil {
		return err
	}
	return v.writeNames(ctx, w, func(id string) string { return cmp.Or(people[id], id) })
}

// writeNames writes what names mean as a table, machines by serial number.
func (h *house) writeNames(ctx context.Context, w io.Writer, person func(string) string) error {
	all, err := h.Dose.Mappings(ctx, at)
	if err != nil {
		return err
	}
	waiting, err := h.Dose.WaitingNames(ctx, at)
	if err != nil {
		return err
	}
	serials, err := h.serials(ctx)
	if err != nil {
		return err
	}
	return dose.WriteMappings(w, all, waiting, func(id string) string { return cmp.Or(serials[id], id) }, person)
}

// serials returns the serial numbers of machines that no other machine has, by id.
func (h *house) serials(ctx context.Context) (map[string]string, error) {
	p, err := h.Sites.Plan(ctx, h.DB, at)
	if err != nil {
		return nil, err
	}
	all, seen := map[string]string{}, map[string]int{}
	for _, room := range p.Rooms {
		for _, m := range room.Machines {
			all[m.ID] = m.Serial
			seen[m.Serial]++
		}
	}
	maps.DeleteFunc(all, func(_, serial string) bool { return serial == "" || seen[serial] > 1 })
	return all, nil
}

// findMachine returns what finds a machine by its id, serial number, or the name of a
// room that has one machine.
func (h *house) findMachine(ctx context.Context) (func(string) (string, bool), error) {
	p, err := h.Sites.Plan(ctx, h.DB, at)
	if err != nil {
		return nil, err
	}
	serials, err := h.serials(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]string{}
	for id, serial := range serials {
		byName[serial] = id
	}
	for _, room := range p.Rooms {
		for _, m := range room.Machines {
			byName[m.ID] = m.ID
		}
		if _, taken := byName[room.Name]; len(room.Machines) == 1 && !taken {
			byName[room.Name] = room.Machines[0].ID
		}
	}
	return func(called string) (string, bool) {
		id, ok := byName[called]
		return id, ok
	}, nil
}

// Progress implements web.Mapping.
func (v mappingView) Progress(ctx context.Context) (int64, error) { return v.Dose.Pending(ctx) }
