package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5" // what dpkg compares
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNumber(t *testing.T) {
	at := time.Date(2026, 11, 22, 6, 30, 0, 0, time.UTC)
	tests := []struct{ name, version, want string }{
		{"a release", "v1.2.0", "1.2.0"},
		{"a candidate comes before", "v1.2.0-rc1", "1.2.0~rc1"},
		{"a later commit comes after", "v1.2.0-3-gabc1234", "1.2.0+3.gabc1234"},
		{"after a candidate", "v1.2.0-rc1-3-gabc1234", "1.2.0~rc1+3.gabc1234"},
		{"changed since", "v1.2.0-dirty", "1.2.0+dirty"},
		{"no release yet: ordered by time", "abc1234", "0.0.0~20261122063000.abc1234"},
		{"a commit that looks like a number", "1234567", "0.0.0~20261122063000.1234567"},
		{"no git", "unknown", "0.0.0~20261122063000.unknown"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := number(test.version, at); got != test.want {
				t.Errorf("number = %q; want %q", got, test.want)
			}
		})
	}
}

// sample returns a release of one program: that which the other tests run, or else
// one that is built for this.
func sample(t *testing.T, out string) *release {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", "1795000000")
	authorities := filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(authorities, []byte("none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := newRelease(t.Context(), "../..", out, "v1.2.0", authorities)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// built returns the program of the other tests, or else builds one.
func built(t *testing.T, r *release) program {
	t.Helper()
	if file := os.Getenv("RADAGORA_BIN"); file != "" {
		p, err := load(target{runtime.GOOS, runtime.GOARCH}, file)
		if err != nil {
			t.Fatal(err)
		}
		if err := look(t.Context(), file); err != nil {
			t.Error(err)
		}
		return p
	}
	p, err := r.build(t.Context(), target{runtime.GOOS, runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compresses the program")
	}
	if runtime.GOOS != "linux" {
		t.Skip("packages are for Linux")
	}
	one, two := filepath.Join(t.TempDir(), "dist"), filepath.Join(t.TempDir(), "dist")
	r := sample(t, one)
	p := built(t, r)
	p.content = p.content[:min(len(p.content), 1<<20)] // enough to see where it goes; all of it takes long to compress
	for _, r := range []*release{r, sample(t, two)} {
		if err := errors.Join(r.pack([]program{p}), r.sums()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("the same twice", func(t *testing.T) {
		for _, name := range []string{"radagora_1.2.0_" + p.arch + ".deb", "radagora_1.2.0_oci.tar", r.name(p.target, ".cdx.json")} {
			if digest([]byte(read(t, one, name))) != digest([]byte(read(t, two, name))) {
				t.Errorf("%s differs", name)
			}
		}
	})
	t.Run("package", func(t *testing.T) { checkPackage(t, read(t, one, "radagora_1.2.0_"+p.arch+".deb"), p) })
	t.Run("image", func(t *testing.T) { checkImage(t, read(t, one, "radagora_1.2.0_oci.tar"), p) })
	t.Run("bill", func(t *testing.T) { checkBill(t, read(t, one, r.name(p.target, ".cdx.json")), p) })
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkPackage reads a package as dpkg does.
func checkPackage(t *testing.T, deb string, p program) {
	members := map[string]string{}
	var order []string
	rest, ok := strings.CutPrefix(deb, "!<arch>\n")
	for ok && rest != "" {
		size, err := strconv.Atoi(strings.TrimSpace(rest[48:58]))
		if err != nil || rest[58:60] != "`\n" {
			t.Fatalf("member %q: size %v", rest[:16], err)
		}
		name := strings.TrimSpace(rest[:16])
		order, members[name] = append(order, name), rest[60:60+size]
		rest = rest[60+size+size%2:]
	}
	if diff := cmp.Diff([]string{"debian-binary", "control.tar.gz", "data.tar.gz"}, order); diff != "" {
		t.Fatal(diff)
	}
	control, data := untar(t, unzip(t, members["control.tar.gz"])), untar(t, unzip(t, members["data.tar.gz"]))
	if got := control["./control"].content; !strings.Contains(got, "\nVersion: 1.2.0\nArchitecture: "+p.arch+"\n") {
		t.Errorf("control says\n%s", got)
	}
	if got := control["./conffiles"].content; got != "/etc/default/radagora\n" {
		t.Errorf("conffiles = %q", got)
	}
	for _, name := range scripts {
		if f := control["./"+name]; f.mode != 0o755 || !strings.HasPrefix(f.content, "#!/bin/sh\n") {
			t.Errorf("%s has mode %o", name, f.mode)
		}
	}
	if f := data["./usr/bin/radagora"]; f.content != string(p.content) || f.mode != 0o755 {
		t.Errorf("the program is not the one that was built, or has mode %o", f.mode)
	}
	sums := ""
	for line := range strings.SplitSeq(strings.TrimSpace(control["./md5sums"].content), "\n") {
		_, name, _ := strings.Cut(line, "  ")
		sums += fmt.Sprintf("%x  %s\n", md5.Sum([]byte(data["./"+name].content)), name)
	}
	if diff := cmp.Diff(sums, control["./md5sums"].content); diff != "" {
		t.Error(diff)
	}
	for name, f := range data {
		if strings.Contains(name, "//") {
			t.Errorf("dpkg cannot list %q", name)
		}
		if f.uid != 0 || f.mode&0o022 != 0 {
			t.Errorf("%s belongs to %d with mode %o", name, f.uid, f.mode)
		}
		if parent := filepath.Dir(strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")); parent != "." && data["./"+parent+"/"].mode == 0 {
			t.Errorf("%s lies in no folder", name)
		}
	}
}

// checkImage follows an image from its index to the program.
func checkImage(t *testing.T, image string, p program) {
	files := untar(t, []byte(image))
	blob := func(d descriptor, v any) string {
		content := files["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")].content
		if digest([]byte(content)) != strings.TrimPrefix(d.Digest, "sha256:") || len(content) != d.Size {
			t.Fatalf("%s %s is not what it is called", d.MediaType, d.Digest)
		}
		if v != nil {
			if err := json.Unmarshal([]byte(content), v); err != nil {
				t.Fatal(err)
			}
		}
		return content
	}
	var outer, inner index
	if err := json.Unmarshal([]byte(files["index.json"].content), &outer); err != nil {
		t.Fatal(err)
	}
	if got := outer.Manifests[0].Annotations["org.opencontainers.image.ref.name"]; got != "radagora:1.2.0" {
		t.Errorf("the image is called %q", got)
	}
	blob(outer.Manifests[0], &inner)
	if got := inner.Manifests[0].Platform; got == nil || *got != (platform{p.arch, "linux"}) {
		t.Fatalf("platform %v", got)
	}
	var m manifest
	blob(inner.Manifests[0], &m)
	var config imageConfig
	blob(m.Config, &config)
	if config.Config.User != "65532:65532" || config.Architecture != p.arch {
		t.Errorf("it runs as %s on %s", config.Config.User, config.Architecture)
	}
	raw := unzip(t, blob(m.Layers[0], nil))
	if got := "sha256:" + digest(raw); got != config.RootFS.DiffIDs[0] {
		t.Errorf("the layer is %s; want %s", got, config.RootFS.DiffIDs[0])
	}
	root := untar(t, raw)
	if f := root["usr/bin/radagora"]; f.content != string(p.content) || f.mode != 0o755 {
		t.Errorf("the program is not the one that was built, or has mode %o", f.mode)
	}
	if f := root["var/lib/radagora/"]; f.uid != nobody || f.mode != 0o700 {
		t.Errorf("data belong to %d with mode %o", f.uid, f.mode)
	}
	if root["etc/ssl/certs/ca-certificates.crt"].content != "none\n" {
		t.Error("the certificate authorities are not there")
	}
}

// checkBill holds the list against what the linker noted.
func checkBill(t *testing.T, text string, p program) {
	var b bill
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	var listed, linked []string
	for _, c := range b.Components {
		if c.Type == "library" && strings.HasPrefix(c.PURL, "pkg:golang/") && c.Name != "std" {
			listed = append(listed, c.Name+" "+c.Version)
		}
		if len(c.Licenses) == 0 || c.Licenses[0].License == (licence{}) {
			t.Errorf("%s has no licence", c.Ref)
		}
	}
	for _, m := range p.info.Deps {
		linked = append(linked, m.Path+" "+m.Version)
	}
	if diff := cmp.Diff(linked, listed); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(b.Components, func(c component) bool { return strings.HasPrefix(c.PURL, "pkg:npm/%40ohif/app@") }) {
		t.Error("the image viewer is not listed")
	}
	if len(linked) < 20 || !slices.ContainsFunc(b.Components, func(c component) bool { return c.Type == "data" }) {
		t.Errorf("%d modules, and perhaps no knowledge", len(linked))
	}
}

type entry struct {
	content string
	mode    int64
	uid     int
}

func untar(t *testing.T, b []byte) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := all[h.Name]; twice {
			t.Errorf("%s is there twice", h.Name)
		}
		all[h.Name] = entry{string(content), h.Mode, h.Uid}
	}
}

func unzip(t *testing.T, s string) []byte {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLookRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(file, []byte("#!/bin/sh\necho '[]'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := look(t.Context(), file); err == nil || !strings.Contains(err.Error(), "no knowledge inside") {
		t.Errorf("look = %v; want no knowledge inside", err)
	}
}
