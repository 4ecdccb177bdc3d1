package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"radagora/archive"
	"radagora/fault"
	"radagora/site"
)

type importCmd struct {
	settings
	Quiet bool     `help:"Show no progress."`
	Paths []string `arg:"" name:"path" help:"DICOM file, folder or zip archive."`
}

func (importCmd) Help() string {
	return `Takes files, folders and zip archives into the archive of the data folder, derives what follows from them, and
prints how many were accepted, how many were there already, and each that was refused with the reason.
While "radagora serve" has the folder open, drop the files on its page or use "radagora send" instead.
Exits with 1 if any file was refused.

Example:

    radagora import --data /var/lib/radagora /media/cdrom`
}

// What became of a file.
type outcome string

const (
	fileAccepted    outcome = "accepted"
	fileKnown       outcome = "known"
	fileQuarantined outcome = "quarantined"
)

// outcomes are the words for what the archive says.
var outcomes = map[archive.Outcome]outcome{
	archive.Added: fileAccepted, archive.Repeated: fileKnown, archive.Quarantined: fileQuarantined,
}

// errSomeRefused says that some files were refused, each of which was reported.
var errSomeRefused = errors.New("some files were refused")

// Run imports with the work behind the doors going on.
func (c importCmd) Run(ctx context.Context, sys *system) (err error) {
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	return h.meanwhile(ctx, func(ctx context.Context) error { return c.take(ctx, sys, h) })
}

// take imports path after path, derives what follows and says what became of it.
func (c importCmd) take(ctx context.Context, sys *system, h *house) error {
	in := &importer{house: h, actor: "local", door: "import"}
	counts, bar := map[outcome]int{}, c.progress(sys)
	refused := 0
	in.report = func(name string, o outcome, err error) {
		if err != nil {
			refused++
			fmt.Fprintf(sys.Err, "refused: %s: %v\n", name, err)
		} else {
			counts[o]++
		}
		bar.Increment()
	}
	for _, path := range c.Paths {
		if err := in.path(ctx, path); err != nil && !errors.Is(err, errSomeRefused) {
			return err
		}
	}
	bar.done()
	if err := h.settle(ctx); err != nil {
		return err
	}
	if err := h.judge(ctx); err != nil {
		return err
	}
	fmt.Fprintf(sys.Out, "%d accepted, %d known before, %d set aside, %d refused\n", counts[fileAccepted], counts[fileKnown], counts[fileQuarantined], refused)
	if refused > 0 {
		return fault.Errorf(fault.Invalid, "%d files were refused", refused)
	}
	return nil
}

// A bar shows how many files were looked at.
type bar struct {
	all *mpb.Progress
	*mpb.Bar
}

// progress returns a bar on standard error, one that shows nothing where nobody
// looks.
func (c importCmd) progress(sys *system) bar {
	out := io.Discard
	if f, ok := sys.Err.(*os.File); ok && !c.Quiet && terminal(f) {
		out = f
	}
	all := mpb.New(mpb.WithOutput(out), mpb.WithAutoRefresh())
	return bar{all, all.New(0, mpb.SpinnerStyle(), mpb.AppendDecorators(decor.CurrentNoUnit(" %d files")))}
}

// terminal reports whether f is one.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// done takes the bar away.
func (b bar) done() {
	b.Abort(true)
	b.all.Wait()
}

// maxInner bounds one file inside a zip archive, and maxFiles their number.
const (
	maxInner = 4 << 30
	maxFiles = 1 << 20
)

// An importer takes files into the archive.
type importer struct {
	house  *house
	actor  string
	door   string
	report func(name string, o outcome, err error)
	bad    bool
}

// end returns errSomeRefused if some were.
func (in *importer) end(err error) error {
	if err == nil && in.bad {
		return errSomeRefused
	}
	return err
}

// followed returns what a path that somebody named leads to: the folder of a disc
// is often a link.
func followed(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path // whoever opens it will say why not
}

// path imports a file, a zip archive or all that is in a folder.
func (in *importer) path(ctx context.Context, path string) error {
	root := followed(path)
	return in.end(filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			in.refuse(name, err)
			return nil
		case d.IsDir():
			return nil // it is walked
		case !d.Type().IsRegular():
			if name == root {
				in.refuse(name, fault.Errorf(fault.Invalid, "neither a file nor a folder"))
			}
			return nil // links and devices in a folder are not files of ours
		}
		f, err := os.Open(name)
		if err != nil {
			in.refuse(name, err)
			return nil
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			in.refuse(name, err)
			return nil
		}
		return in.file(ctx, name, f, info.Size())
	}))
}

// file imports one file, or those in it if it is a zip archive.
func (in *importer) file(ctx context.Context, name string, f io.ReaderAt, size int64) error {
	magic := make([]byte, 4)
	if n, _ := f.ReadAt(magic, 0); n == 4 && bytes.Equal(magic, []byte("PK\x03\x04")) {
		return in.zip(ctx, name, f, size)
	}
	return in.object(ctx, name, io.NewSectionReader(f, 0, size))
}

// zip imports the files in a zip archive.
func (in *importer) zip(ctx context.Context, name string, f io.ReaderAt, size int64) error {
	z, err := zip.NewReader(f, size)
	if err != nil {
		in.refuse(name, err)
		return nil
	}
	for i, inner := range z.File {
		full := name + "/" + inner.Name
		switch {
		case inner.FileInfo().IsDir() || strings.HasPrefix(inner.Name, "__MACOSX/"):
			continue
		case i >= maxFiles:
			in.refuse(full, fault.Errorf(fault.Exhausted, "more than %d files in one archive", maxFiles))
			return nil
		}
		r, err := inner.Open()
		if err != nil {
			in.refuse(full, err)
			continue
		}
		err = in.object(ctx, full, io.LimitReader(r, maxInner))
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// uploads names the files that streams are kept in.
const uploads = "upload-*"

// stream imports a file that comes as a stream, keeping it beside the packs while
// it is looked at.
func (in *importer) stream(ctx context.Context, name string, r io.Reader) error {
	f, err := os.CreateTemp(in.house.data, uploads)
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // what remains goes when the house is opened again
	defer f.Close()
	n, err := io.Copy(f, r)
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	return in.end(in.file(ctx, name, f, n))
}

// object imports one DICOM file. Only an error that is not the file's is returned.
func (in *importer) object(ctx context.Context, name string, r io.Reader) error {
	receipt, err := in.house.Archive.Receive(ctx, archive.Arrival{
		Site: site.Default, Actor: in.actor, Door: in.door, Part10: true, Data: source{r},
	})
	var stored archive.Stored
	if err == nil {
		stored, err = receipt.Wait(ctx)
	}
	if err != nil {
		if k := fault.Of(err); k == fault.Unavailable || k == fault.Internal {
			return fmt.Errorf("%s: %w", name, err)
		}
		in.refuse(name, err)
		return nil
	}
	in.report(name, outcomes[stored.Outcome], nil)
	return nil
}

// A source is a file that is imported. That it cannot be read, as on a scratched
// disc or in a damaged archive, is the file's fault and not ours.
type source struct{ io.Reader }

// Read implements io.Reader.
func (s source) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fault.Errorf(fault.Invalid, "read: %w", err)
	}
	return n, err
}

// refuse reports a file that was not taken.
func (in *importer) refuse(name string, err error) {
	in.bad = true
	in.report(name, "", err)
}
