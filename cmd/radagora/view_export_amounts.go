package main

import (
	"context"
	"iter"
	"slices"
	"strings"

	"radagora/dose"
	"radagora/export"
)

// tableName names a table of the modality, as in rf_examinations.
func (d *doseView) tableName(of string) string { return strings.ToLower(d.q.Modality) + "_" + of }

// exportedAmounts are the quantities of examinations that stand in columns, in their
// order: further ones are added at the end.
var exportedAmounts = []struct {
	quantity dose.Quantity
	column   string
}{
	{dose.QuantityDAP, "dap_gym2"},
	{dose.QuantityDAPFluoro, "dap_fluoro_gym2"},
	{dose.QuantityDAPAcquis, "dap_acquisition_gym2"},
	{dose.QuantityDAPPlaneA, "dap_plane_a_gym2"},
	{dose.QuantityDAPPlaneB, "dap_plane_b_gym2"},
	{dose.QuantityRP, "rp_gy"},
	{dose.QuantityRPPlaneA, "rp_plane_a_gy"},
	{dose.QuantityRPPlaneB, "rp_plane_b_gy"},
	{dose.QuantityFluoroTime, "fluoro_time_s"},
	{dose.QuantityImages, "images"},
	{dose.QuantityAGD, "agd_mgy"},
	{dose.QuantityAGDLeft, "agd_left_mgy"},
	{dose.QuantityAGDRight, "agd_right_mgy"},
	{dose.QuantityActivity, "activity_mbq"},
	{dose.QuantityActivityPerKg, "activity_mbqkg"},
	{dose.QuantityEffective, "effective_msv"},
}

// exportedEach are the quantities of events that stand in columns.
var exportedEach = []struct {
	quantity dose.Quantity
	column   string
}{
	{dose.QuantityDAP, "dap_gym2"},
	{dose.QuantityRP, "rp_gy"},
	{dose.QuantityAGD, "agd_mgy"},
	{dose.QuantityEntrance, "esd_mgy"},
	{dose.QuantityActivity, "activity_mbq"},
	{dose.QuantityEI, "exposure_index"},
	{dose.QuantityDI, "deviation_index"},
}

// amountColumns are the columns of examinations since layout 3.
func (d *doseView) amountColumns() []export.Column {
	all := []export.Column{d.column("modality", "dose.filter_modality", "", export.Text)}
	for _, q := range exportedAmounts {
		all = append(all, d.column(q.column, "quantity."+string(q.quantity), dose.QuantityUnit(q.quantity), export.Number))
	}
	return append(
		all, d.column("group_state", "export.group_state", "", export.Text), d.column("level", "dose.col_level", "", export.Number),
		d.column("level_quantity", "dose.quantity", "", export.Text), d.column("level_unit", "export.unit", "", export.Text),
		d.column("level_set", "content.set", "", export.Text), d.column("level_edition", "content.edition", "", export.Text),
		d.column("day", "export.day", "", export.Date),
	)
}

// amountCells are their cells.
func (d *doseView) amountCells(i *dose.Item, r *dose.Row) []any {
	all := []any{d.q.Modality}
	for _, q := range exportedAmounts {
		var cell any
		if v, ok := i.Amounts[q.quantity]; ok {
			cell = v
		}
		all = append(all, cell)
	}
	group := make([]any, 6)
	if r != nil {
		group[0] = string(r.State)
		if g := r.Governing; g != nil {
			group = []any{string(r.State), g.Value, string(r.Measure), r.Unit, g.Set.ID, g.Set.Edition}
		}
	}
	return append(append(all, group...), day(i.Day))
}

// kept are the examinations that lists may name, in the units that are kept.
func (d *doseView) kept() []*dose.Item {
	return slices.DeleteFunc(d.among(d.stored.All()), func(i *dose.Item) bool { return i.Restricted })
}

// mainRows returns, by the id of an examination, the row of its group with the main
// measure of the modality, in the units that are kept.
func (d *doseView) mainRows() map[string]*dose.Row {
	rows := map[string]*dose.Row{}
	for _, r := range d.stored.Rows {
		if r.Measure == dose.MainMeasure(d.stored.Modality) {
			for i := range r.All() {
				rows[i.ID()] = r
			}
		}
	}
	return rows
}

// eventColumns are the columns of events since layout 3.
func (d *doseView) eventColumns() []export.Column {
	all := []export.Column{d.column("modality", "dose.filter_modality", "", export.Text), d.column("day", "export.day", "", export.Date)}
	for _, q := range exportedEach {
		all = append(all, d.column(q.column, "quantity."+string(q.quantity), dose.QuantityUnit(q.quantity), export.Number))
	}
	return append(all, d.column("part", "export.part", "", export.Text), d.column("provenance", "dose.origin", "", export.Text), d.column("flags", "export.flags", "", export.Text))
}

// eventRows reads the events of the examinations of the filter, and those of their
// studies that belong to none.
func (d *doseView) eventRows(ctx context.Context) iter.Seq2[[]any, error] {
	listed := map[string]bool{}
	for _, i := range d.kept() {
		listed[i.ID()], listed[i.Study+"_"] = true, true
	}
	return func(yield func([]any, error) bool) {
		for e, err := range d.Dose.Events(ctx, at, d.q.Modality, dose.Period{From: d.o.From, To: d.o.To}) {
			if err != nil {
				yield(nil, err)
				return
			}
			if listed[e.Study+"_"+e.Examination] && !yield(d.eventCells(e), nil) {
				return
			}
		}
	}
}

// eventCells are the cells of one event.
func (d *doseView) eventCells(e dose.ListedEvent) []any {
	all := []any{
		e.Study, e.Examination, value(e.UID), e.SOPInstance, value(e.Started), value(e.Type), value(e.Protocol),
		value(e.Phantom), e.CTDIvol, e.DLP, e.KVP, e.ExposureTime, e.ScanLength, d.q.Modality, day(e.Day),
	}
	for _, q := range exportedEach {
		var cell any
		if v, ok := e.Amounts[q.quantity]; ok {
			cell = v
		}
		all = append(all, cell)
	}
	var flags []string
	for _, v := range e.Values {
		for _, f := range v.Flags {
			if !slices.Contains(flags, f) {
				flags = append(flags, f)
			}
		}
	}
	return append(all, e.Part, string(e.Class), strings.Join(flags, " "))
}
