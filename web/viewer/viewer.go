// Package viewer serves the image viewer below /viewer/.
//
// The viewer is the prebuilt OHIF, which tools/viewer makes ready and puts beside
// this file; a program that was built without it says so and nothing is broken. The
// page itself and its configuration are ours: they name one data source, the
// DICOMweb of this program, under the same sign-in, and say that it is not a
// diagnostic workstation.
package viewer

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"radagora/fault"
)

//go:embed dist
var dist embed.FS

// Policy is the content policy of everything below /viewer/: the viewer builds
// functions from text, keeps workers and pictures in memory and styles its elements,
// but talks to this program alone.
const Policy = "default-src 'none'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; " +
	"connect-src 'self' blob: data:; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Words are the sentences of the page, in the language of whoever asks.
type Words struct {
	Language string // BCP 47
	Title    string
	Notice   string // it is not a diagnostic workstation
	Back     string // link to the pages
	NoScript string
}

// A Viewer answers below /viewer/. The zero value has no files.
type Viewer struct {
	files  map[string]*io.SectionReader // compressed, where they lie in the program
	digest string
	app    string // name of the application's script
	source string
}

// New returns the viewer this program was built with.
func New() (*Viewer, error) {
	f, err := dist.Open("dist/ohif.zip")
	if errors.Is(err, fs.ErrNotExist) {
		return &Viewer{}, nil
	}
	if err != nil {
		return nil, err
	}
	all, ok := f.(io.ReaderAt) // it stays open: closing an embedded file does nothing
	info, err := f.Stat()
	if err != nil || !ok {
		return nil, fault.Errorf(fault.Internal, "the image viewer cannot be read: %w", err)
	}
	z, err := zip.NewReader(all, info.Size())
	if err != nil {
		return nil, err
	}
	v := &Viewer{files: map[string]*io.SectionReader{}}
	v.source, _, _ = strings.Cut(z.Comment, " ")
	sum := sha256.New()
	for _, f := range z.File {
		at, err := f.DataOffset()
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(f.Name, ".gz")
		v.files[name] = io.NewSectionReader(all, at, int64(f.CompressedSize64)) //nolint:gosec // G115: of a file inside the program
		fmt.Fprintln(sum, f.Name, f.CRC32)
		if strings.HasPrefix(name, "app.bundle.") && path.Ext(name) == ".js" {
			v.app = name
		}
	}
	v.digest = hex.EncodeToString(sum.Sum(nil)[:6])
	return v, nil
}

// Source names the package and version of the viewer, such as @ohif/app@3.12.10, ""
// if there is none.
func (v *Viewer) Source() string { return v.source }

// Present reports whether the program was built with the viewer.
func (v *Viewer) Present() bool { return v.app != "" }

// Study returns the address at which a study is shown.
func Study(uid string) string { return "/viewer/viewer?StudyInstanceUIDs=" + uid }

// Serve answers below /viewer/. An address that is no file is the application's own:
// it gets the page. NotFound: there is no such file, or the program was built without
// the viewer; nothing was written then.
func (v *Viewer) Serve(w http.ResponseWriter, r *http.Request, words Words) error {
	if !v.Present() {
		return fault.Errorf(fault.NotFound, "this program was built without the image viewer: build it where npm is installed")
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/viewer/")
	whole := path.Ext(name) == "" || name == "index.html" || path.Clean(r.URL.Path) == "/viewer"
	if _, ok := v.files[name]; !ok && !whole && name != "boot.js" && name != "app-config.js" {
		return fault.Errorf(fault.NotFound, "no such file of the image viewer")
	}
	h := w.Header()
	h.Set("Content-Security-Policy", Policy)
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	switch {
	case name == "boot.js":
		script(w, boot)
	case name == "app-config.js":
		return config(w)
	case whole:
		return v.page(w, words)
	default:
		v.file(w, r, name)
	}
	return nil
}

// file passes a file on as it is: compressed. Every browser that can run the viewer
// takes gzip.
func (v *Viewer) file(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	h.Set("Content-Type", mediaType(name))
	h.Set("Content-Encoding", "gzip")
	h.Set("ETag", `"`+v.digest+`"`)
	h.Set("Cache-Control", "no-cache")
	if hashed(name) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(v.files[name], 0, v.files[name].Size()))
}

// hashed reports whether a name holds the digest of its file: then the file never
// changes under it.
func hashed(name string) bool {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	digest := base[strings.LastIndexByte(base, '.')+1:]
	_, err := hex.DecodeString(digest)
	return err == nil && len(digest) == 20
}

// mediaType returns the media type for a file name.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".wasm":
		return "application/wasm"
	case ".css":
		return "text/css; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// boot is what the viewer's own page says in its scripts before the application.
const boot = `window.PUBLIC_URL = '/viewer/';
window.browserImportFunction = (name) => import(name);
`

func script(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = io.WriteString(w, text) // the browser went away
}

// config says where the images are.
func config(w http.ResponseWriter) error {
	source := map[string]any{
		"friendlyName": "Radagora", "name": "radagora",
		"qidoRoot": "/dicom-web", "wadoRoot": "/dicom-web", "wadoUriRoot": "/wado",
		"qidoSupportsIncludeField": true, "supportsReject": false, "supportsStow": false,
		"imageRendering": "wadors", "thumbnailRendering": "wadors", "enableStudyLazyLoad": true,
		"supportsFuzzyMatching": true, "supportsWildcard": true, "staticWado": false, "singlepart": "bulkdata,video",
		"bulkDataURI": map[string]any{"enabled": true}, "omitQuotationForMultipartRequest": true,
	}
	text, err := json.Marshal(map[string]any{
		"name": "radagora", "routerBasename": "/viewer", "extensions": []any{}, "modes": []any{}, "customizationService": map[string]any{"ohif.tours": map[string]any{"$set": []any{}}},
		"showStudyList": true, "maxNumberOfWebWorkers": 3, "showWarningMessageForCrossOrigin": false,
		"showCPUFallbackMessage": true, "showLoadingIndicator": true, "strictZSpacingForVolumeViewport": true,
		"groupEnabledModesFirst": true, "showErrorDetails": "production",
		"maxNumRequests":           map[string]any{"interaction": 100, "thumbnail": 20, "prefetch": 25},
		"investigationalUseDialog": map[string]any{"option": "always"},
		"defaultDataSourceName":    "dicomweb",
		"dataSources": []any{map[string]any{
			"namespace": "@ohif/extension-default.dataSourcesModule.dicomweb", "sourceName": "dicomweb", "configuration": source,
		}},
	})
	if err != nil {
		return err
	}
	script(w, "window.config = "+string(text)+";\n")
	return nil
}

var page = template.Must(template.New("viewer").Parse(`<!doctype html>
<html lang="{{.Language}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Title}}</title><link rel="icon" href="/viewer/assets/favicon.ico">
<style>html,body{height:100%;margin:0}#root{height:calc(100% - 1.75rem)}
#notice{display:flex;gap:1rem;justify-content:space-between;align-items:center;height:1.75rem;padding:0 .75rem;box-sizing:border-box;
background:#7a4d00;color:#fff;font:13px/1.2 system-ui,sans-serif;white-space:nowrap;overflow:hidden}
#notice span{overflow:hidden;text-overflow:ellipsis}#notice a{color:#fff}</style>
<script src="/viewer/boot.js"></script><script src="/viewer/app-config.js"></script>
<script defer src="/viewer/{{.App}}"></script><link href="/viewer/app.bundle.css" rel="stylesheet"></head>
<body><div id="notice" role="note"><span>{{.Notice}}</span><a href="/">{{.Back}}</a></div>
<noscript>{{.NoScript}}</noscript><div id="react-portal"></div><div id="root"></div></body></html>
`))

// page answers with the page in which the application runs.
func (v *Viewer) page(w http.ResponseWriter, words Words) error {
	var b bytes.Buffer
	if err := page.Execute(&b, struct {
		Words
		App string
	}{words, v.app}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(b.Bytes()) // the browser went away
	return nil
}
