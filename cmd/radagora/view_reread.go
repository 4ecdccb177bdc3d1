package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"strconv"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
	"radagora/export"
	"radagora/web"
)

// A rereadView reads all studies again.
type rereadView struct{ *view }

// ofRebuilds names what studies told otherwise that were derived anew by themselves.
const ofRebuilds = "rebuild"

// mostRereads is how many readings a page lists.
const mostRereads = 20

// Rereading implements web.Rereading.
func (v rereadView) Rereading(ctx context.Context, run string) (web.RereadPage, error) {
	out := web.RereadPage{Reader: dose.ReaderVersion, Run: run}
	var err error
	if out.Old, err = v.Dose.OldReadings(ctx, at); err != nil {
		return out, err
	}
	all, err := v.Dose.Rereads(ctx, at, mostRereads)
	if err != nil {
		return out, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return out, err
	}
	for _, x := range all {
		r := web.RereadRun{
			ID: x.ID, By: cmp.Or(names[x.By], x.By), Since: x.Since, Trial: x.Dry, Stopped: x.Stopped != "",
			Total: x.Total, Done: x.Done, Differ: x.Differ, Failed: x.Failed, At: db.FromMillis(x.At),
		}
		if x.EndedAt != 0 {
			r.Ended = db.FromMillis(x.EndedAt)
		}
		out.Runs = append(out.Runs, r)
	}
	if out.Run == "" {
		out.Run = ofRebuilds
		if len(all) > 0 {
			out.Run = all[0].ID
		}
	}
	return out, v.groups(ctx, &out)
}

// groups adds what changed.
func (v rereadView) groups(ctx context.Context, out *web.RereadPage) error {
	groups, err := v.Dose.Changes(ctx, at, runOf(out.Run))
	if err != nil {
		return err
	}
	p, err := v.plan(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		m, _ := p.Machine(g.Machine)
		x := web.RereadGroup{Modality: g.Modality, Device: cmp.Or(m.Name, "–"), What: g.What, Field: g.Field, N: g.N, Studies: g.Studies}
		for _, c := range g.Examples {
			x.Examples = append(x.Examples, web.RereadExample{ID: c.Study + "_" + cmp.Or(c.Examination, "1"), Before: c.Before, After: c.After})
		}
		out.Groups = append(out.Groups, x)
	}
	return nil
}

// runOf is a reading as the ledger knows it.
func runOf(run string) string {
	if run == ofRebuilds {
		return ""
	}
	return run
}

// ReadAgain implements web.Rereading.
func (v rereadView) ReadAgain(ctx context.Context, who web.Person, since string, trial bool) error {
	if err := may(ctx, access.Calibrate); err != nil {
		return err
	}
	_, err := v.Dose.ReadAgain(ctx, at, since, trial, who.ID)
	return err
}

// StopReread implements web.Rereading.
func (v rereadView) StopReread(ctx context.Context, who web.Person, run string) error {
	if err := may(ctx, access.Calibrate); err != nil {
		return err
	}
	return v.Dose.StopReread(ctx, at, run, who.ID)
}

// RereadFile implements web.Rereading.
func (v rereadView) RereadFile(ctx context.Context, w io.Writer, run string) error {
	if err := may(ctx, access.TableExport); err != nil {
		return err
	}
	return v.writeChanges(ctx, w, runOf(run))
}

// writeChanges writes what a reading found as CSV, one row for each change.
func (h *house) writeChanges(ctx context.Context, w io.Writer, run string) error {
	out := csv.NewWriter(w)
	err := out.Write([]string{"study_uid", "examination", "day", "modality", "machine", "what", "item", "field", "before", "after", "reader_from", "reader_to", "applied"})
	if err != nil {
		return err
	}
	err = h.Dose.EachChange(ctx, at, run, func(c dose.Change) error {
		row := []string{
			c.Study, c.Examination, c.Day, c.Modality, c.Machine, c.What, c.Item, c.Field, c.Before, c.After,
			strconv.FormatInt(c.From, 10), strconv.FormatInt(c.To, 10), strconv.FormatBool(c.Applied),
		}
		for i, cell := range row {
			row[i] = inert(cell)
		}
		return out.Write(row)
	})
	out.Flush()
	return cmp.Or(err, out.Error())
}

// inert is a text that no spreadsheet takes for a formula; numbers stay numbers.
func inert(cell string) string {
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return export.Guard(cell)
}
