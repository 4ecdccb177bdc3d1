package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// table writes a line for each burst and contender. The ratio is how many times
// more objects a second the first contender stores than the one of the line. CPU
// and syncs are those of one object, memory is the most there was.
func table(w io.Writer, all []*burst, records []*record) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%-30s%-9s\tobjects/s\tleast–most\tours is\tserver CPU ms\tclient CPU ms\tpeak MB\tsyncs\t\n", "objects", "server")
	for _, b := range all {
		base := rate(b, records[0].figures[b])
		for _, r := range records {
			f := r.figures[b]
			if len(f) == 0 {
				continue
			}
			speed := rate(b, f)
			fmt.Fprintf(t, "%-30s%-9s\t%.0f\t%.0f–%.0f\t%s\t%.2f\t%.2f\t%.0f\t%s\t\n",
				fmt.Sprintf("%d of %s", b.files, b.name), r.name, speed.median, speed.least, speed.most, times(base.median, speed.median),
				spread(f, func(f figure) float64 { return f.cpu.Seconds() * 1e3 / float64(b.files) }).median,
				spread(f, func(f figure) float64 { return f.client.Seconds() * 1e3 / float64(b.files) }).median,
				spread(f, func(f figure) float64 { return float64(f.peak) / 1e6 }).most, r.syncsOf(b))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, r := range records {
		switch {
		case r.skip != "":
			fmt.Fprintf(w, "%s: left out: %s\n", r.name, r.skip)
		case r.trouble != "":
			fmt.Fprintf(w, "%s: given up: %s\n", r.name, strings.ReplaceAll(r.trouble, "\n", "; "))
		default:
			fmt.Fprintf(w, "%s: kept %d of %d sent\n", r.name, r.kept, r.sent)
		}
	}
	return nil
}

// syncsOf returns what was counted, "" if nothing was.
func (r *record) syncsOf(b *burst) string {
	if n, ok := r.syncs[b]; ok {
		return fmt.Sprintf("%.2f", n)
	}
	return ""
}

// times returns how often b fits into a.
func times(a, b float64) string {
	if a == 0 || b == 0 {
		return ""
	}
	return fmt.Sprintf("%.1fx", a/b)
}

// rate returns how many objects a second were stored.
func rate(b *burst, f []figure) summary {
	return spread(f, func(f figure) float64 { return float64(b.files) / f.wall.Seconds() })
}

// A summary is the middle and the ends of some figures.
type summary struct{ median, least, most float64 }

// spread summarises what of returns, the zero summary for no figures.
func spread[T any](all []T, of func(T) float64) summary {
	if len(all) == 0 {
		return summary{}
	}
	x := make([]float64, len(all))
	for i, f := range all {
		x[i] = of(f)
	}
	slices.SortFunc(x, cmp.Compare)
	return summary{(x[(len(x)-1)/2] + x[len(x)/2]) / 2, x[0], x[len(x)-1]}
}

// median returns the middle of x, 0 for none.
func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
