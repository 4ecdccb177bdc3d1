package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// edition counts the changes of what this program does with the package.
const edition = "2"

// mark is the comment of a bundle, by which it is known.
const mark = source + " edition " + edition

// A bundle may hold so many files of so many bytes.
const (
	maxFiles = 1000
	maxFile  = 64 << 20
)

// made reports whether the bundle is there and as this program would make it.
func made(name string) bool {
	z, err := zip.OpenReader(name)
	if err != nil {
		return false
	}
	defer func() { _ = z.Close() }() // it was only read
	return z.Comment == mark
}

// dropped are the files that no page of ours asks for: source maps, the worker that
// keeps the application for use without a network, neural networks, sign-in with
// other servers, icons for home screens, the page itself, which the program writes.
var dropped = regexp.MustCompile(`\.map$|^ort/|^sw\.js$|^workbox-|^init-service-worker\.js$|^google\.js$|^silent-refresh\.html$|` +
	`^oidc-client\.min\.js$|^es6-shim\.min\.js$|^_|^assets/(android|apple|mstile|coast|firefox|yandex|browserconfig|manifest)|^manifest|` +
	`^index\.html$|^app-config\.js$`)

// bundle writes what is used of the archive to name, and returns how many files.
func bundle(archive []byte, name string) (n int, err error) {
	files, err := unpack(archive)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, err
	}
	out, err := os.CreateTemp(filepath.Dir(name), ".ohif-*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	err = errors.Join(write(out, files), out.Chmod(0o644), out.Close())
	if err != nil {
		return 0, err
	}
	return len(files), os.Rename(out.Name(), name)
}

// write writes the files, each compressed by itself, so that a server can pass them
// on as they are.
func write(w io.Writer, files map[string][]byte) error {
	z := zip.NewWriter(w)
	if err := z.SetComment(mark); err != nil {
		return err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var b bytes.Buffer
		g, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := g.Write(files[name]); err != nil {
			return err
		}
		if err := g.Close(); err != nil {
			return err
		}
		f, err := z.CreateHeader(&zip.FileHeader{Name: name + ".gz", Method: zip.Store, Modified: time.Unix(0, 0).UTC()})
		if err != nil {
			return err
		}
		if _, err := f.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return z.Close()
}

// unpack returns the files that are used, changed as they must be.
func unpack(archive []byte) (map[string][]byte, error) {
	g, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for t := tar.NewReader(g); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		name, ok := wanted(h)
		if !ok {
			continue
		}
		if len(files) >= maxFiles || h.Size > maxFile {
			return nil, fmt.Errorf("%s: too many files, or too large", name)
		}
		text, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		files[name] = text
	}
	return files, patch(files)
}

// wanted returns the name of a file in the bundle.
func wanted(h *tar.Header) (string, bool) {
	if h.Typeflag != tar.TypeReg {
		return "", false
	}
	if h.Name == "package/LICENSE" {
		return "LICENSE", true
	}
	name, ok := strings.CutPrefix(path.Clean(h.Name), "package/dist/")
	return name, ok && !dropped.MatchString(name)
}

// root is how the bundles name the folder in which they lie.
var root = regexp.MustCompile(`(__webpack_require__\.p = )"/"`)

// elsewhere are addresses of other machines that the scripts would load from.
var elsewhere = regexp.MustCompile(`https://(?:huggingface\.co|api\.locize\.(?:io|app)|cdn\.jsdelivr\.net|unpkg\.com|cdn\.skypack\.dev|` +
	`dd14fa38qiwhyfd\.cloudfront\.net|fonts\.googleapis\.com|fonts\.gstatic\.com|storage\.googleapis\.com|www\.googletagmanager\.com|dicom\.nema\.org/medical/dicom/current/output/json)`)

// noticeHeight is the height of the strip above the application that web/viewer draws:
// what the application takes for the whole window is that much less.
const noticeHeight = "1.75rem"

// patch puts the files below /viewer/ and takes other machines out. It fails if it
// finds less than it knows of: then the package is another one.
func patch(files map[string][]byte) error {
	roots, app := 0, 0
	for name, text := range files {
		switch path.Ext(name) {
		case ".js":
			roots += len(root.FindAll(text, -1))
			text = root.ReplaceAll(text, []byte(`$1"/viewer/"`))
			text = bytes.ReplaceAll(text, []byte("100vh - 52px"), []byte("100vh - 52px - "+noticeHeight))
			files[name] = elsewhere.ReplaceAll(text, []byte("/viewer/absent"))
		case ".css":
			text = bytes.ReplaceAll(text, []byte("url(/"), []byte("url(/viewer/"))
			files[name] = bytes.ReplaceAll(text, []byte(".h-screen{height:100vh}"), []byte(".h-screen{height:calc(100vh - "+noticeHeight+")}"))
		}
		if strings.HasPrefix(name, "app.bundle.") && path.Ext(name) == ".js" {
			app++
		}
	}
	if roots < 5 || app != 1 {
		return fmt.Errorf("%s does not look as this program expects: %d roots, %d applications", source, roots, app)
	}
	return nil
}
