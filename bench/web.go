package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/bench/made"
	"radagora/dicom"
	"radagora/dicom/tag"
)

// A trial is one thing that is measured over the web, for everybody alike.
type trial struct {
	name, unit string
	more       bool // more is better
	do         func(ctx context.Context, s *server, d *dossier) (float64, error)
}

// A dossier is what every contender is given over DICOMweb before it is asked.
type dossier struct {
	many, ct, series, cine []string // names of files
	study, sop             string   // addresses of the CT study and of one image in it
	hundred, frame         string   // of a series with a hundred images, and of a frame of the loop
	bytes                  int64    // of the CT study
}

// dossierIn makes the files below dir.
func dossierIn(dir string, quick bool) (d *dossier, err error) {
	d = &dossier{}
	less := 1
	if quick {
		less = 4
	}
	for _, x := range []struct {
		set made.Set
		to  *[]string
	}{
		{made.Set{Name: "many", Studies: 1100, Instances: 1, Edge: 60}, &d.many},
		{made.Set{Name: "study", Studies: 1, Instances: 200 / less, Edge: 512, Private: true}, &d.ct},
		{made.Set{Name: "hundred", Studies: 1, Instances: 100, Edge: 60}, &d.series},
	} {
		studies, err := x.set.Write(dir)
		if err != nil {
			return nil, err
		}
		for _, names := range studies {
			*x.to = append(*x.to, names...)
		}
	}
	cine, err := made.Cine(dir)
	if err != nil {
		return nil, err
	}
	d.cine = []string{cine}
	for _, name := range d.ct {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		d.bytes += info.Size()
	}
	return d, d.address()
}

// address reads where the files will be found.
func (d *dossier) address() error {
	of := func(file string) (study, series, instance string, err error) {
		f, err := os.Open(file)
		if err != nil {
			return "", "", "", err
		}
		defer f.Close()
		ds, err := dicom.Read(f, nil)
		if err != nil {
			return "", "", "", err
		}
		study = "/studies/" + ds.UID(tag.StudyInstanceUID).String()
		series = study + "/series/" + ds.UID(tag.SeriesInstanceUID).String()
		return study, series, series + "/instances/" + ds.UID(tag.SOPInstanceUID).String(), nil
	}
	var errs [3]error
	d.study, _, d.sop, errs[0] = of(d.ct[len(d.ct)/2])
	_, d.hundred, _, errs[1] = of(d.series[0])
	_, _, d.frame, errs[2] = of(d.cine[0])
	d.frame += "/frames/50"
	return errors.Join(errs[:]...)
}

// trials returns what is measured, in the order in which it is done.
func trials() []trial {
	const multipart = `multipart/related; type="application/`
	return []trial{
		{"STOW-RS of 9 KB, 20 a request, 4 connections", "instances/s", true, stow(func(d *dossier) []string { return d.many }, 4)},
		{"STOW-RS of CT, 20 a request, 4 connections", "instances/s", true, stow(func(d *dossier) []string { return d.ct }, 4)},
		{"STOW-RS of a series of 100, 1 connection", "instances/s", true, stow(func(d *dossier) []string { return d.series }, 1)},
		{"STOW-RS of a loop of 23 MB", "instances/s", true, stow(func(d *dossier) []string { return d.cine }, 1)},
		{"memory then", "MB", false, func(_ context.Context, s *server, _ *dossier) (float64, error) {
			quiet(s.cmd.Process.Pid)
			return float64(memory(s.cmd.Process.Pid)) / 1e6, nil
		}},
		{"QIDO-RS first page of 50 of 1,102 studies", "ms", false, asks(20, "application/dicom+json", func(*dossier) string { return "/studies?limit=50&offset=0" })},
		{"QIDO-RS page at offset 1000", "ms", false, asks(20, "application/dicom+json", func(*dossier) string { return "/studies?limit=50&offset=1000" })},
		{"metadata of a series of 100", "ms", false, asks(10, "application/dicom+json", func(d *dossier) string { return d.hundred + "/metadata" })},
		{"one frame of 230 KB of an object of 23 MB", "ms", false, asks(20, multipart+`octet-stream"`, func(d *dossier) string { return d.frame })},
		{"rendered JPEG of a CT image", "ms", false, asks(20, "image/jpeg", func(d *dossier) string { return d.sop + "/rendered" })},
		{"rendered PNG of a CT image", "ms", false, asks(20, "image/png", func(d *dossier) string { return d.sop + "/rendered" })},
		{"CT study by WADO-RS", "MB/s", true, whole},
		{"C-ECHO beside 1,000 idle connections", "ms", false, crowded},
	}
}

// webPart measures what is asked over HTTP and writes the table. If shut is not empty it
// is why peers cannot be started.
func webPart(ctx context.Context, o options, work, shut string, w io.Writer) error {
	fmt.Fprint(w, "\n## DICOMweb\n\n")
	dir := filepath.Join(work, "web")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	d, err := dossierIn(dir, o.quick)
	if err != nil {
		return fmt.Errorf("make objects: %w", err)
	}
	all, rounds := webContenders(o, work), min(o.rounds, 3)
	figures := make([]map[string][]float64, len(all))
	for i := range all {
		figures[i] = map[string][]float64{}
	}
	notes := make([]string, len(all))
	for range rounds {
		for i, c := range all {
			if i > 0 && shut != "" {
				notes[i] = shut
			}
			if notes[i] == "" {
				notes[i] = try(ctx, c, work, d, figures[i])
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	bare, err := static(ctx, d, rounds)
	if err != nil {
		return fmt.Errorf("static file server: %w", err)
	}
	fmt.Fprintf(w, "%d rounds in turn, each from empty; medians of these\n\n", rounds)
	return webTable(w, all, figures, notes, bare)
}

// try lets one contender have all trials and returns why one could not be had.
func try(ctx context.Context, c contender, work string, d *dossier, figures map[string][]float64) (trouble string) {
	dir, err := os.MkdirTemp(work, "turn-")
	if err != nil {
		return err.Error()
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			trouble += err.Error()
		}
	}()
	s, err := c.start(ctx, dir)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return "not installed"
	} else if err != nil {
		return err.Error()
	}
	defer func() { _ = s.end() }()
	for _, t := range trials() {
		settle()
		x, err := t.do(ctx, s, d)
		if err != nil {
			trouble += fmt.Sprintf("%s: %v; ", t.name, err)
			continue
		}
		figures[t.name] = append(figures[t.name], x)
	}
	return trouble
}

// webTable writes a line for each trial and a column for each contender.
func webTable(w io.Writer, all []contender, figures []map[string][]float64, notes []string, bare float64) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%-48s\t\t", "")
	for i, c := range all {
		fmt.Fprintf(t, "%s\t", c.name)
		if i > 0 {
			fmt.Fprint(t, "ours is\t")
		}
	}
	fmt.Fprintln(t)
	for _, tr := range trials() {
		fmt.Fprintf(t, "%-48s\t%s\t", tr.name, tr.unit)
		base := median(figures[0][tr.name])
		for i := range all {
			x := median(figures[i][tr.name])
			if len(figures[i][tr.name]) == 0 {
				fmt.Fprint(t, "\t")
			} else {
				fmt.Fprintf(t, "%.4g\t", x)
			}
			switch {
			case i > 0 && tr.more:
				fmt.Fprintf(t, "%s\t", times(base, x))
			case i > 0:
				fmt.Fprintf(t, "%s\t", times(x, base))
			}
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintf(t, "%-48s\tMB/s\t%.4g\t\n", "the same bytes from a static file server", bare)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for i, c := range all {
		if notes[i] != "" {
			fmt.Fprintf(w, "%s: %s\n", c.name, notes[i])
		}
	}
	return nil
}

// static measures how quickly a file with the bytes of the CT study is served, by
// the file server of Go's standard library, in MB/s.
func static(ctx context.Context, d *dossier, rounds int) (float64, error) {
	file := filepath.Join(filepath.Dir(d.cine[0]), "static")
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	for _, name := range d.ct {
		b, err := os.ReadFile(name)
		if err == nil {
			_, err = f.Write(b)
		}
		if err != nil {
			return 0, errors.Join(err, f.Close())
		}
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	s := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(file))))
	defer s.Close()
	var all []float64
	for range 3 * rounds {
		x, err := get(ctx, s.URL+"/static", "*/*")
		if err != nil {
			return 0, err
		}
		all = append(all, float64(d.bytes)/1e6/x.took.Seconds())
	}
	return median(all), nil
}

// crowded opens a thousand connections that say nothing and asks for an echo.
func crowded(ctx context.Context, s *server, _ *dossier) (float64, error) {
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	dialer := net.Dialer{Timeout: 2 * time.Second}
	for range 1000 {
		c, err := dialer.DialContext(ctx, "tcp", "127.0.0.1:"+s.port)
		if err != nil {
			return 0, fmt.Errorf("after %d connections: %w", len(idle), err)
		}
		idle = append(idle, c)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	begin := time.Now()
	echo := exec.CommandContext(ctx, "echoscu", "-to", "5", "-ta", "5", "-td", "5", "-aec", "ARCHIVE", "127.0.0.1", s.port)
	if out, err := echo.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("no answer: %w %.80s", err, strings.ReplaceAll(string(out), "\n", " "))
	}
	return time.Since(begin).Seconds() * 1e3, nil
}

// webContenders returns who is asked over HTTP.
func webContenders(o options, work string) []contender {
	all := []contender{ours(filepath.Join(work, "radagora")), orthancWeb("Orthanc", orthancProgram(), dicomwebPlugin)}
	if o.orthanc != "" {
		program, plugin, _ := strings.Cut(o.orthanc, ",")
		all = append(all, orthancWeb("newer Orthanc", program, plugin))
	}
	return all
}

// dicomwebPlugin is where Debian puts Orthanc's DICOMweb.
const dicomwebPlugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"

// orthancWeb is Orthanc with its DICOMweb plug-in and otherwise as it comes.
func orthancWeb(name, program, plugin string) contender {
	return contender{name: name, start: func(ctx context.Context, dir string) (*server, error) {
		if _, err := os.Stat(plugin); err != nil && plugin != "" {
			return nil, fmt.Errorf("its plug-in: %w", err)
		}
		plugins := []string{plugin}
		if plugin == "" {
			plugins = nil // it is built in
		}
		return startOrthanc(ctx, dir, program, map[string]any{
			"Plugins": plugins, "DicomWeb": map[string]any{"Enable": true, "Root": "/dicom-web/"},
		})
	}}
}

// startOrthanc starts Orthanc with everything of its own configuration but where it
// keeps and listens, and what more says.
func startOrthanc(ctx context.Context, dir, program string, more map[string]any) (*server, error) {
	const url = "http://127.0.0.1:8042"
	config := map[string]any{
		"StorageDirectory": filepath.Join(dir, "kept"), "IndexDirectory": filepath.Join(dir, "kept"),
		"DicomAet": "ARCHIVE", "DicomPort": 4242, "HttpPort": 8042, "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
	}
	maps.Copy(config, more)
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return nil, err
	}
	s, err := launch(ctx, dir, "4242", program, file)
	if err != nil {
		return nil, err
	}
	s.web = url + "/dicom-web"
	return s, s.ready(ctx, func() bool { _, err := statistics(ctx, url); return err == nil })
}
