package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"radagora/evidence"
	"radagora/site"
)

type evidenceCmd struct {
	settings
	JSON bool     `help:"Print JSON."`
	All  bool     `help:"List every fact of the catalogue with its state, also those that are not connected."`
	IDs  []string `arg:"" optional:"" name:"id" help:"Facts to compute; without any, all that are connected."`
}

func (evidenceCmd) Help() string {
	return `Computes facts of the evidence catalogue: their value, what it was counted from, and by which content. A fact
that no capability computes yet is "not_connected", one with nothing to count is "not_applicable"; neither is 0.
Works while "radagora serve" runs, too.

Example:

    radagora evidence dose.within_drl`
}

// Run prints a line for each fact.
func (c evidenceCmd) Run(ctx context.Context, sys *system) (err error) {
	c.shared = true
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	ids := c.IDs
	if len(ids) == 0 {
		for _, d := range h.Evidence.Definitions() {
			if c.All || h.Evidence.Connected(d.ID) {
				ids = append(ids, d.ID)
			}
		}
	}
	var all []evidence.Value
	for _, id := range ids {
		v, err := h.Evidence.Value(ctx, id, evidence.Query{Site: site.Default})
		if err != nil {
			return err
		}
		all = append(all, v)
	}
	if c.JSON {
		return writeJSON(sys.Out, all)
	}
	w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "FACT\tSTATE\tVALUE\tUNIT\tN\tMEANING")
	for _, v := range all {
		d, _ := h.Evidence.Definition(v.ID)
		value := "-"
		if v.State == evidence.Known {
			value = fmt.Sprintf("%.4g", v.Value)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", v.ID, v.State, value, v.Unit, v.N, d.Meaning)
	}
	return w.Flush()
}
