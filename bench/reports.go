package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/dose/dosetest"
)

// pydicomReport has pydicom read every number of dose reports.
const pydicomReport = `
import sys, pydicom
def walk(items):
    n = 0
    for item in items:
        if item.ValueType == "NUM":
            for v in item.MeasuredValueSequence:
                n += float(v.NumericValue) != None
        n += walk(item.get("ContentSequence", []))
    return n
print(sum(walk(pydicom.dcmread(name).ContentSequence) for name in sys.argv[1:]))
`

// reports measures how fast dose reports are read beside dsrdump of dcmtk and pydicom,
// how many a second go from a sender to the rows of their events, and how many when
// what is stored is derived anew.
func reports(ctx context.Context, o options, work string, w io.Writer) error {
	fmt.Fprint(w, "\n## CT dose reports\n\n")
	n := 2000
	if o.quick {
		n = 200
	}
	names, err := writeReports(filepath.Join(work, "reports"), n)
	if err != nil {
		return err
	}
	if err := reading(ctx, o, work, names, w); err != nil {
		return err
	}
	if !installed("storescu") {
		fmt.Fprintln(w, "left out: the client, storescu of dcmtk, is not installed")
		return nil
	}
	list := filepath.Join(work, "reports.txt")
	if err := os.WriteFile(list, []byte(strings.Join(names, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	var stored, derived, again []float64
	for range min(o.rounds, 3) {
		f, err := derive(ctx, filepath.Join(work, "radagora"), work, list, n)
		if err != nil {
			return err
		}
		stored, derived, again = append(stored, f[0]), append(derived, f[1]), append(again, f[2])
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nwhat\treports a second\tleast–most\t\n")
	for _, row := range []struct {
		what string
		all  []float64
	}{{"sent by storescu on 1 association, acknowledged", stored}, {"the same, until the rows of their events are there", derived}, {"derived anew from what is stored", again}} {
		s := spread(row.all, func(x float64) float64 { return x })
		fmt.Fprintf(t, "%s\t%.0f\t%.0f–%.0f\t\n", row.what, s.median, s.least, s.most)
	}
	return t.Flush()
}

// writeReports writes n reports of a study each, of two localizers and three scans.
func writeReports(dir string, n int) ([]string, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	names := make([]string, n)
	for i := range n {
		id := strconv.Itoa(i)
		r := dosetest.New("study "+id, "report "+id, "951", dosetest.Localizer(id+" a"), dosetest.Localizer(id+" b"),
			dosetest.Scan(id+" c", "8.1", "310"), dosetest.Scan(id+" d", "8.3", "320"), dosetest.Scan(id+" e", "8.4", "321"))
		r.PatientName, r.PatientID = "Bench^"+id, "B"+id
		text, err := r.File()
		if err != nil {
			return nil, err
		}
		names[i] = filepath.Join(dir, id+".dcm")
		if err := os.WriteFile(names[i], text, 0o600); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// reading compares how long all reports take to be read.
func reading(ctx context.Context, o options, work string, names []string, w io.Writer) error {
	programs := []struct {
		name string
		args []string
	}{
		{"radagora dose read --json", []string{filepath.Join(work, "radagora"), "dose", "read", "--json"}},
		{"dsrdump of dcmtk", []string{"dsrdump"}},
		{"pydicom, every number", []string{"/usr/bin/python3", "-c", pydicomReport}},
	}
	took := make([][]float64, len(programs))
	for range min(o.rounds, 3) {
		for i, p := range programs {
			if _, err := exec.LookPath(p.args[0]); err != nil {
				continue
			}
			begin := time.Now()
			out, err := exec.CommandContext(ctx, p.args[0], append(p.args[1:], names...)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%s: %w %.300s", p.name, err, out[max(0, len(out)-300):])
			}
			took[i] = append(took[i], time.Since(begin).Seconds())
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "reading %d reports\tms each\ttimes as long\t\n", len(names))
	for i, p := range programs {
		if len(took[i]) == 0 {
			fmt.Fprintf(t, "%s\tnot installed\t\t\n", p.name)
			continue
		}
		fmt.Fprintf(t, "%s\t%.2f\t%.1f\t\n", p.name, median(took[i])/float64(len(names))*1000, median(took[i])/median(took[0]))
	}
	return t.Flush()
}

// derive sends n reports to the program with all it keeps in an empty folder. It
// returns how many a second were acknowledged, were derived, and were derived anew.
func derive(ctx context.Context, program, work, list string, n int) (rates [3]float64, err error) {
	dir, err := os.MkdirTemp(work, "derive-")
	if err != nil {
		return rates, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := ours(program).start(ctx, dir)
	if err != nil {
		return rates, err
	}
	settle()
	begin := time.Now()
	c := exec.CommandContext(ctx, "storescu", "-q", "-R", "-aet", "BENCH", "-aec", "ARCHIVE", "127.0.0.1", s.port, "@"+list)
	c.Env = append(os.Environ(), "TCP_NODELAY=1")
	out, err := c.CombinedOutput()
	if err != nil {
		return rates, errors.Join(fmt.Errorf("storescu: %w: %.200s", err, out), s.end())
	}
	rates[0] = float64(n) / time.Since(begin).Seconds()
	if err := s.caughtUp(ctx); err != nil {
		return rates, errors.Join(err, s.end())
	}
	rates[1] = float64(n) / time.Since(begin).Seconds()
	if err := s.end(); err != nil {
		return rates, err
	}
	begin = time.Now()
	out, err = exec.CommandContext(ctx, program, "rebuild", "--data", filepath.Join(dir, "data")).CombinedOutput()
	rates[2] = float64(n) / time.Since(begin).Seconds()
	if err != nil {
		return rates, fmt.Errorf("rebuild: %w: %.200s", err, out)
	}
	return rates, nil
}

// waiting are the figures of the program that are 0 when all is derived.
var waiting = regexp.MustCompile(`(?m)^(?:radagora_dose_pending|radagora_journal_unsealed|radagora_journal_lag\{consumer="dose"\}) (\S+)$`)

// caughtUp waits until everything that was sent is derived.
func (s *server) caughtUp(ctx context.Context) error {
	for range 6000 {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.web, "/dicom-web")+"/metrics", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		found, still := waiting.FindAllSubmatch(text, -1), 0
		for _, m := range found {
			if !bytes.Equal(m[1], []byte("0")) {
				still++
			}
		}
		if len(found) == 3 && still == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("reports are not derived after minutes")
}
