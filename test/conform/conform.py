#!/usr/bin/python3
"""Conformance and robustness checks of a DICOM archive, whoever made it: DICOMweb (PS3.18) and DIMSE (PS3.4/3.7/3.8).
  conform.py --url http://127.0.0.1:8080/dicom-web --port 11112 [--host 127.0.0.1] [--aec ARCHIVE] [--wado-uri URL]
             [--only SUBSTRING] [--json FILE] [-v]
It stores its own small synthetic objects (fresh UIDs on every run) and looks only at what a client can see.
Levels: must = the standard demands it; should = the standard recommends it or allows a documented exception;
viewer = web viewers depend on it; robust = the server survives and stays right under bad input.
Ends with exit status 1 if a "must" or "robust" check failed."""
import argparse, io, json, os, random, re, socket, struct, subprocess, sys, tempfile, time, traceback
from urllib.parse import quote, urlsplit
import numpy as np
import pydicom
from pydicom.uid import generate_uid
import gen
from common import Client

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--url", required=True)
ap.add_argument("--header", action="append")
ap.add_argument("--host", default="127.0.0.1")
ap.add_argument("--port", default="")
ap.add_argument("--aec", default="ARCHIVE")
ap.add_argument("--wado-uri", help="full URL of WADO-URI, e.g. http://127.0.0.1:8080/wado")
ap.add_argument("--move-port", type=int, default=4999)
ap.add_argument("--only")
ap.add_argument("--restart", help="shell command that starts the server again; used when it died, and reported")
ap.add_argument("--json")
ap.add_argument("-v", action="store_true")
a = ap.parse_args()
JSON = "application/dicom+json"
DCM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCT = 'multipart/related; type="application/octet-stream"'
run_id = "%d" % time.time()
tmp = tempfile.mkdtemp(prefix="conform")
env = dict(os.environ, TCP_NODELAY="1")
checks, results = [], []


def check(level, name):
    def deco(f):
        checks.append((level, name, f))
        return f
    return deco


class Skip(Exception):
    pass


def eq(got, want, what=""):
    if got != want:
        raise AssertionError("%s: got %r, want %r" % (what, got, want))


def ok(cond, what):
    if not cond:
        raise AssertionError(what)


# ---------------------------------------------------------------- objects
g = gen.Gen("conform-" + run_id)


def objects(kind, folder, patient, name, n=3, date="20240229", seed="x", mods=None):
    """n small instances in two series of one study; returns the data sets' paths and identifiers."""
    pat = {"id": patient, "name": name, "born": "19600101", "sex": "F"}
    st = {"no": 1, "uid": g.uid("study", seed), "date": date, "time": "101500", "accession": "ACC" + run_id[-6:] + seed[:4],
          "device": 1, "site": 1, "referrer": "Refer^Rita", "description": "Prüfung " + seed}
    os.makedirs(os.path.join(tmp, folder), exist_ok=True)
    out = {"uid": st["uid"], "st": st, "pat": pat, "files": [], "series": {}, "mod": kind}
    size = 32
    sl = gen.phantom(g, size)
    for s in (1, 2):
        su = g.uid("series", seed, s)
        same = {}
        for i in range(1, n + 1):
            iu = g.uid("inst", seed, s, i)
            m = "CT" if kind == "CINE" else kind
            d = gen.base(g, "US" if kind == "CINE" else kind, iu, pat, st, su, s, "Serie %d" % s, gen.SOP["USMF"] if kind == "CINE" else None)
            if kind == "CINE":
                gen.us(d, i)
                d.NumberOfFrames, d.FrameTime, d.FrameIncrementPointer = "5", "40", 0x00181063
                px = g.np.integers(0, 255, (5, 16, 16), dtype=np.uint8)
                gen.image(d, 16, 16, px.tobytes(), 8, 0)
            elif kind == "CT":
                gen.ct(d, i, "11.25", g.uid("for", seed), size)
                gen.image(d, size, size, np.roll(sl[i % 8], i, 0).tobytes(), 16, 1)
            else:
                gen.mr(d, i, "11.25", g.uid("for", seed))
                gen.image(d, size, size, np.roll(sl[i % 8], i, 0).astype(np.uint16).tobytes(), 12, 0)
            p = os.path.join(tmp, folder, "%d-%d.dcm" % (s, i))
            gen.write(d, p, same)
            out["files"].append(p)
            out["series"].setdefault(su, []).append(iu)
    out["instances"] = [(s, i) for s, l in out["series"].items() for i in l]
    return out


# ---------------------------------------------------------------- helpers
def http(method, path, accept=None, body=None, ctype=None, extra=()):
    c = Client(a.url, list(a.header or []) + list(extra), timeout=30)
    return c(method, path, accept, body, ctype)


def multipart(parts, boundary="bnd-1", ctype="application/dicom", preamble=b""):
    out = preamble
    for p in parts:
        out += b"--%s\r\nContent-Type: %s\r\n\r\n%s\r\n" % (boundary.encode(), ctype.encode(), p)
    return out + b"--%s--\r\n" % boundary.encode()


def stow(parts, path="/studies", ctype='multipart/related; type="application/dicom"; boundary=bnd-1', accept=JSON, **k):
    st, h, d = http("POST", path, accept, multipart(parts, **k), ctype)
    try:
        j = json.loads(d)
    except ValueError:
        j = {}
    return st, h, j


def read(p):
    with open(p, "rb") as f:
        return f.read()


def find(path):
    st, h, d = http("GET", path, JSON)
    if st == 204:
        return []
    eq(st, 200, path)
    return json.loads(d)


def v(item, tag):
    x = item.get(tag, {}).get("Value", [None])[0]
    return x.get("Alphabetic") if isinstance(x, dict) and "Alphabetic" in x else x


def parts(h, data):
    ct = h.get("Content-Type", "")
    ok(ct.lower().startswith("multipart/related"), "Content-Type " + ct)
    b = re.search(r'boundary="?([^";]+)', ct).group(1).encode()
    out = []
    for seg in data.split(b"--" + b)[1:]:
        if seg.startswith(b"--"):
            break
        head, _, body = seg.partition(b"\r\n\r\n")
        out.append((head.decode("latin-1"), body[:-2] if body.endswith(b"\r\n") else body))
    return out


def dcm(b):
    return pydicom.dcmread(io.BytesIO(b), force=False)


def tool(*cmd, good=True):
    p = subprocess.run(cmd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    if good and p.returncode:
        raise AssertionError("%s: %d %s" % (cmd[0], p.returncode, p.stdout[-200:]))
    return p.returncode, p.stdout.decode("utf-8", "replace")


def need_port():
    if not a.port:
        raise Skip("no --port")


peer = ["-aet", "CONFORM", "-aec", a.aec, a.host, a.port]
A = objects("CT", "a", "CONF-A" + run_id, "Müßig^Åsa", seed="a")
M = objects("MR", "m", "CONF-M" + run_id, "Ξένος^Νίκος", date="20231231", seed="m")
C = objects("CINE", "c", "CONF-C" + run_id, "Cine^Test", n=1, seed="c")
B = objects("CT", "b", "CONF-B" + run_id, "Wrong^Study", n=1, seed="b")
D = objects("CT", "d", "CONF-D" + run_id, "Dimse^Test", seed="d")
P = {k: "/studies/" + x["uid"] for k, x in dict(A=A, M=M, C=C, B=B, D=D).items()}


def inst(x, n=0):
    return "/studies/%s/series/%s/instances/%s" % ((x["uid"],) + x["instances"][n])


# ---------------------------------------------------------------- STOW-RS
@check("must", "STOW: one instance, 200, ReferencedSOPSequence with its UID and RetrieveURL")
def _():
    st, h, j = stow([read(A["files"][0])])
    eq(st, 200)
    ok(JSON in h.get("Content-Type", ""), "Content-Type " + h.get("Content-Type", ""))
    r = j["00081199"]["Value"]
    eq(len(r), 1)
    eq(v(r[0], "00081155"), A["instances"][0][1])
    ok(v(r[0], "00081190").endswith(inst(A)), "RetrieveURL")
    ok("Value" not in j.get("00081198", {}), "no failures")


@check("must", "STOW: several instances in one request; all found after")
def _():
    for x in (A, M, C):
        st, _, j = stow([read(f) for f in x["files"]])
        eq(st, 200)
        eq(len(j["00081199"]["Value"]), len(x["files"]))
    eq(len(find(P["A"] + "/instances")), 6)


@check("must", "STOW: the same instances again change nothing and are no error")
def _():
    st, _, j = stow([read(f) for f in A["files"]])
    ok(st in (200, 202), "status %d" % st)
    eq(len(find(P["A"] + "/instances")), 6)
    eq(v(find("/studies?StudyInstanceUID=" + A["uid"])[0], "00201208"), 6)


@check("must", "STOW to /studies/{uid} refuses an instance of another study (409), stores nothing")
def _():
    st, _, j = stow([read(B["files"][0])], P["A"])
    eq(st, 409)
    eq(len(find("/studies?StudyInstanceUID=" + B["uid"])), 0)


@check("must", "STOW: a good and a broken part: 202, FailedSOPSequence or warning, the good one stored")
def _():
    x = objects("CT", "mix", "CONF-X" + run_id, "Mixed^Parts", n=1, seed="mix")
    st, _, j = stow([read(x["files"][0]), b"this is no DICOM file" * 20])
    eq(len(find("/studies/%s/instances" % x["uid"])), 1)
    eq(st, 202)


@check("must", "STOW: only garbage is refused with a 4xx")
def _():
    st, _, _ = stow([b"garbage" * 100])
    ok(400 <= st < 500, "status %d" % st)


@check("must", "STOW: a content type that isn't DICOM is refused with 415 (or 400/406)")
def _():
    st, _, _ = http("POST", "/studies", JSON, b"{}", "text/plain")
    ok(st in (415, 400, 406), "status %d" % st)


@check("must", "STOW: quoted boundary, parameters in any order")
def _():
    x = objects("CT", "q", "CONF-Q" + run_id, "Quoted^Boundary", n=1, seed="q")
    st, _, _ = stow([read(x["files"][0])], ctype='Multipart/Related; boundary="simple-b"; type="application/dicom"', boundary="simple-b")
    eq(st, 200)
    eq(len(find("/studies/%s/instances" % x["uid"])), 1)


@check("must", "STOW: preamble before the first part, and a boundary of every character that RFC 2046 allows")
def _():
    x = objects("CT", "q2", "CONF-Q2" + run_id, "Quoted^Boundary", n=1, seed="q2")
    st, _, _ = stow([read(x["files"][0])], ctype='multipart/related; type="application/dicom"; boundary="a\'b(c)+d_e,f-g./:=?h"',
                    boundary="a'b(c)+d_e,f-g./:=?h", preamble=b"a preamble to skip\r\n")
    eq(st, 200)
    eq(len(find("/studies/%s/instances" % x["uid"])), 1)


@check("must", "STOW: chunked transfer encoding")
def _():
    x = objects("CT", "ch", "CONF-CH" + run_id, "Chunk^Ed", n=1, seed="ch")
    body = multipart([read(f) for f in x["files"]])
    st, _, _ = http("POST", "/studies", JSON, (body[i:i + 1000] for i in range(0, len(body), 1000)),
                    'multipart/related; type="application/dicom"; boundary=bnd-1')
    eq(st, 200)
    eq(len(find("/studies/%s/instances" % x["uid"])), 2)


@check("robust", "STOW: a body that ends in the middle stores no partial object")
def _():
    x = objects("CT", "tr", "CONF-TR" + run_id, "Trun^Cated", n=1, seed="tr")
    st, _, _ = http("POST", "/studies", JSON, multipart([read(x["files"][0])])[:1500], 'multipart/related; type="application/dicom"; boundary=bnd-1')
    ok(400 <= st < 500, "status %d" % st)
    eq(len(find("/studies?StudyInstanceUID=" + x["uid"])), 0)


@check("robust", "STOW: a Part 10 file cut in its pixel data is refused or kept as sent, never found but unreadable")
def _():
    x = objects("CT", "cut", "CONF-CUT" + run_id, "Cut^Off", n=1, seed="cut")
    st, _, _ = stow([read(x["files"][0])[:-700]])
    ok(st < 500, "status %d" % st)
    if find("/studies?StudyInstanceUID=" + x["uid"]):
        eq(http("GET", inst(x), DCM)[0], 200, "retrieve")


# ---------------------------------------------------------------- QIDO-RS
@check("must", "QIDO: a study row has every attribute that the standard lists")
def _():
    r = find("/studies?StudyInstanceUID=" + A["uid"])
    eq(len(r), 1)
    want = "00080020 00080030 00080050 00080061 00080090 00081190 00100010 00100020 00100030 00100040 0020000D 00200010 00201206 00201208".split()
    eq([t for t in want if t not in r[0]], [], "missing")
    eq((v(r[0], "00201206"), v(r[0], "00201208"), v(r[0], "00080061")), (2, 6, "CT"))


@check("must", "QIDO: series and instance rows have the listed attributes")
def _():
    r = find(P["A"] + "/series")
    eq(len(r), 2)
    eq([t for t in "00080060 0020000E 00200011 00201209 00081190 0008103E".split() if t not in r[0]], [], "series, missing")
    eq(v(r[0], "00201209"), 3)
    s = A["instances"][0][0]
    r = find(P["A"] + "/series/%s/instances" % s)
    eq(len(r), 3)
    eq([t for t in "00080016 00080018 00200013 00280010 00280011 00081190".split() if t not in r[0]], [], "instance, missing")


@check("must", "QIDO: match by keyword, by tag number, and by both; no match is an empty answer")
def _():
    pid = A["pat"]["id"]
    for q in ("PatientID=" + pid, "00100020=" + pid, "PatientID=%s&StudyDate=20240229" % pid):
        eq(len(find("/studies?" + q)), 1, q)
    eq(len(find("/studies?PatientID=%s&StudyDate=20240301" % pid)), 0)


@check("must", "QIDO: wildcards * and ? in PatientID and PatientName")
def _():
    eq(len(find("/studies?PatientID=CONF-?%s" % run_id)) >= 3, True, "?")
    eq(len(find("/studies?PatientID=CONF-A%s*" % run_id[:-1])) >= 1, True, "*")
    eq([v(x, "00100020") for x in find("/studies?PatientID=%s&PatientName=%s" % (C["pat"]["id"], "Cine*"))], [C["pat"]["id"]], "Cine*")
    eq(len(find("/studies?PatientID=%s&PatientName=%s" % (C["pat"]["id"], "Sine*"))), 0, "Sine*")


@check("must", "QIDO: percent-encoded values mean the same (%5E, %2A)")
def _():
    for q in ("Cine%5ETest", "Cine%2A", "%43ine*"):
        eq(len(find("/studies?PatientID=%s&PatientName=%s" % (C["pat"]["id"], q))), 1, q)


@check("should", "QIDO: PatientName matches without regard to case")
def _():
    eq(len(find("/studies?PatientID=%s&PatientName=%s" % (C["pat"]["id"], quote("cine^test")))), 1)


@check("must", "QIDO: names outside ASCII (Latin, Greek) come back right")
def _():
    for x in (A, M):
        eq(v(find("/studies?StudyInstanceUID=" + x["uid"])[0], "00100010"), x["pat"]["name"])


@check("must", "QIDO: names outside ASCII can be searched (UTF-8, percent-encoded)")
def _():
    for x in (A, M):
        eq(len(find("/studies?PatientID=%s&PatientName=%s" % (x["pat"]["id"], quote(x["pat"]["name"][:4] + "*")))), 1, x["pat"]["name"])


@check("must", "QIDO: date ranges, closed and open")
def _():
    base = "/studies?PatientID=%s&StudyDate=" % M["pat"]["id"]
    for q, n in (("20231231", 1), ("20231230-20240101", 1), ("20231231-", 1), ("-20231231", 1), ("-20231230", 0), ("20240101-", 0)):
        eq(len(find(base + q)), n, q)


@check("viewer", "QIDO: the study list that OHIF asks for (fuzzymatching=false, encoded comma, *name*)")
def _():
    r = find("/studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030%%2C00080060&PatientID=%s&PatientName=*ine^Te*" % C["pat"]["id"])
    eq(len(r), 1)
    eq(v(r[0], "00081030"), "Prüfung c")


@check("must", "QIDO: ModalitiesInStudy and Modality")
def _():
    eq(len(find("/studies?PatientID=%s&ModalitiesInStudy=MR" % M["pat"]["id"])), 1)
    eq(len(find("/studies?PatientID=%s&ModalitiesInStudy=CT" % M["pat"]["id"])), 0)
    eq(len(find(P["M"] + "/series?Modality=MR")), 2)
    eq(len(find(P["M"] + "/series?Modality=CT")), 0)


@check("must", "QIDO: list of UIDs, comma separated")
def _():
    eq({v(x, "0020000D") for x in find("/studies?StudyInstanceUID=%s,%s" % (A["uid"], M["uid"]))}, {A["uid"], M["uid"]})


@check("must", "QIDO: includefield by keyword and by tag")
def _():
    for f in ("StudyDescription", "00081030"):
        eq(v(find("/studies?StudyInstanceUID=%s&includefield=%s" % (A["uid"], f))[0], "00081030"), "Prüfung a", f)


@check("must", "QIDO: includefield=all adds instance attributes")
def _():
    r = find(P["A"] + "/instances?limit=1&includefield=all")
    ok("00200032" in r[0] or "00280030" in r[0], "no ImagePositionPatient or PixelSpacing")


@check("must", "QIDO: limit and offset give every row once")
def _():
    got = []
    for o in range(0, 8, 2):
        got += [v(x, "00080018") for x in find(P["A"] + "/instances?limit=2&offset=%d" % o)]
    eq(sorted(got), sorted(i for _, i in A["instances"]))


@check("must", "QIDO: all series and all instances without a study in the path")
def _():
    eq(len(find("/series?StudyInstanceUID=" + A["uid"])), 2)
    eq(len(find("/instances?StudyInstanceUID=" + A["uid"])), 6)
    eq(len(find("/instances?SOPInstanceUID=" + A["instances"][0][1])), 1)


@check("must", "QIDO: an unknown study has no series (empty answer or 404)")
def _():
    st, _, d = http("GET", "/studies/1.2.3.4.5/series", JSON)
    ok(st in (204, 404) or (st == 200 and json.loads(d) == []), "status %d" % st)


@check("should", "QIDO: application/json is accepted as well")
def _():
    st, h, d = http("GET", "/studies?limit=1", "application/json")
    eq(st, 200)
    ok("json" in h.get("Content-Type", ""), h.get("Content-Type", ""))


@check("robust", "QIDO: nonsense parameters are a 4xx or ignored, never a 5xx")
def _():
    for q in ("limit=-1", "limit=x", "offset=zz", "StudyDate=notadate", "NoSuchKeyword=1", "fuzzymatching=maybe", "PatientName=%FF%FE",
              "PatientID=" + "A" * 5000, "includefield=%00", "StudyDate=20240101-20230101", "PatientName=%27%3B--"):
        st = http("GET", "/studies?" + q, JSON)[0]
        ok(st < 500, "%s: %d" % (q[:40], st))


# ---------------------------------------------------------------- WADO-RS
@check("must", "WADO: study, series and instance as multipart DICOM, each object whole")
def _():
    s = A["instances"][0][0]
    for path, n in ((P["A"], 6), (P["A"] + "/series/" + s, 3), (inst(A), 1)):
        st, h, d = http("GET", path, DCM)
        eq(st, 200, path)
        ps = parts(h, d)
        eq(len(ps), n)
        ok(all("application/dicom" in x[0] for x in ps), "part type")
        orig = {pydicom.dcmread(f).SOPInstanceUID: pydicom.dcmread(f).PixelData for f in A["files"]}
        for _, b in ps:
            ds = dcm(b)
            ok(ds.PixelData == orig[ds.SOPInstanceUID], "pixel data differs")


@check("must", "WADO: no Accept header and */* are answered")
def _():
    for acc in (None, "*/*"):
        eq(http("GET", inst(A), acc)[0], 200, acc)


@check("viewer", "WADO: one instance as plain application/dicom")
def _():
    st, h, d = http("GET", inst(A), "application/dicom")
    eq(st, 200)
    ok(d[128:132] == b"DICM", "not a Part 10 file: " + h.get("Content-Type", ""))


@check("must", "WADO: a media type that can't be given is a 406")
def _():
    eq(http("GET", inst(A), "video/x-nothing")[0], 406)


@check("must", "WADO: unknown study, series, instance, frame: 404")
def _():
    s, i = A["instances"][0]
    for p, acc in (("/studies/1.2.3.4", DCM), (P["A"] + "/series/1.2.3.4", DCM), (P["A"] + "/series/%s/instances/1.2.3.4" % s, DCM),
                   ("/studies/1.2.3.4/metadata", JSON), (inst(A) + "/frames/9", OCT)):
        st = http("GET", p, acc)[0]
        ok(st == 404 or (st == 400 and "frames" in p), "%s: %d" % (p[-40:], st))


@check("must", "WADO: an instance asked under another study or series is a 404")
def _():
    s, i = A["instances"][0]
    eq(http("GET", "/studies/%s/series/%s/instances/%s" % (M["uid"], s, i), DCM)[0], 404)


@check("must", "WADO metadata: study, series, instance; no pixels inline; text right")
def _():
    for path, n in ((P["A"], 6), (P["A"] + "/series/" + A["instances"][0][0], 3), (inst(A), 1)):
        st, h, d = http("GET", path + "/metadata", JSON)
        eq(st, 200)
        j = json.loads(d)
        eq(len(j), n)
        ok(all("InlineBinary" not in x.get("7FE00010", {}) for x in j), "inline pixels")
        eq(v(j[0], "00100010"), A["pat"]["name"])
        eq(v(j[0], "00281053"), 1, "RescaleSlope is a number")
        eq(j[0]["00189346"]["Value"][0]["00080100"]["Value"][0], "113691", "sequence")


@check("viewer", "WADO metadata: pixel data has a BulkDataURI that can be retrieved")
def _():
    j = json.loads(http("GET", inst(A) + "/metadata", JSON)[2])
    u = j[0]["7FE00010"]["BulkDataURI"]
    u = u if u.startswith("http") else a.url.rstrip("/") + "/" + u.lstrip("/")
    x = urlsplit(u)
    c = Client("%s://%s" % (urlsplit(a.url).scheme, urlsplit(a.url).netloc), a.header)
    eq(c("GET", x.path, OCT)[0], 200)


@check("must", "WADO frames: one frame, bytes equal; several frames of a multi-frame object, in order")
def _():
    st, h, d = http("GET", inst(A) + "/frames/1", OCT)
    eq(st, 200)
    ok(parts(h, d)[0][1] == pydicom.dcmread(A["files"][0]).PixelData, "frame 1 differs")
    px = pydicom.dcmread(C["files"][0]).PixelData
    st, h, d = http("GET", inst(C) + "/frames/2,5", OCT)
    eq(st, 200)
    eq([b for _, b in parts(h, d)] == [px[256:512], px[1024:1280]], True, "frames 2,5")


@check("viewer", "WADO frames: plain application/octet-stream is accepted (single part or multipart)")
def _():
    eq(http("GET", inst(A) + "/frames/1", "application/octet-stream")[0], 200)


@check("viewer", "WADO frames: the OHIF accept list (several types with transfer-syntax=*)")
def _():
    acc = "multipart/related; type=application/octet-stream; transfer-syntax=*, multipart/related; type=image/jls; q=0.5"
    eq(http("GET", inst(A) + "/frames/1", acc)[0], 200)


def picture(d):
    from PIL import Image
    return Image.open(io.BytesIO(d))


@check("must", "WADO rendered: JPEG of the right size")
def _():
    st, h, d = http("GET", inst(A) + "/rendered", "image/jpeg")
    eq(st, 200)
    ok(h.get("Content-Type", "").startswith("image/jpeg"), h.get("Content-Type", ""))
    eq(picture(d).size, (32, 32))


@check("should", "WADO rendered: PNG, window, viewport, frame of a multi-frame object")
def _():
    st, h, d = http("GET", inst(A) + "/rendered?window=40,400,linear", "image/png")
    eq(st, 200)
    im = picture(d)
    ok(im.getextrema()[0] != im.getextrema()[1], "one grey level only")
    st, h, d = http("GET", inst(A) + "/rendered?viewport=16,16", "image/png")
    eq(st, 200)
    eq(picture(d).size, (16, 16))
    eq(http("GET", inst(C) + "/frames/3/rendered", "image/jpeg")[0], 200)


@check("should", "WADO thumbnail of an instance, a series and a study")
def _():
    for p in (inst(A), P["A"] + "/series/" + A["instances"][0][0], P["A"]):
        eq(http("GET", p + "/thumbnail", "image/jpeg")[0], 200, p[-30:])


@check("viewer", "CORS: a preflight from another origin is answered")
def _():
    st, h, _ = http("OPTIONS", "/studies", extra=["Origin: http://viewer.example", "Access-Control-Request-Method: GET"])
    ok(st in (200, 204) and h.get("Access-Control-Allow-Origin"), "status %d, %s" % (st, h.get("Access-Control-Allow-Origin")))


@check("viewer", "JSON answers are compressed when asked for")
def _():
    st, h, d = http("GET", P["A"] + "/metadata", JSON, extra=["Accept-Encoding: gzip"])
    eq(h.get("Content-Encoding"), "gzip")


@check("should", "DELETE, PUT and TRACE on a study are refused or need a right (405/401/403/501)")
def _():
    for m in ("PUT", "TRACE"):
        st = http(m, P["A"], JSON, b"" if m == "PUT" else None)[0]
        ok(st in (400, 401, 403, 404, 405, 415, 501), "%s: %d" % (m, st))


@check("must", "WADO-URI: application/dicom and image/jpeg")
def _():
    if not a.wado_uri:
        raise Skip("no --wado-uri")
    c = Client(a.wado_uri, a.header)
    q = "?requestType=WADO&studyUID=%s&seriesUID=%s&objectUID=%s" % ((A["uid"],) + A["instances"][0])
    st, h, d = c("GET", q + "&contentType=application/dicom")
    eq(st, 200)
    ok(d[128:132] == b"DICM", "DICM")
    eq(c("GET", q)[0], 200)


# ---------------------------------------------------------------- transfer syntaxes
SYNTAX = {
    "implicit": ("1.2.840.10008.1.2", ["dcmconv", "+ti"]), "big endian": ("1.2.840.10008.1.2.2", ["dcmconv", "+tb"]),
    "deflated": ("1.2.840.10008.1.2.1.99", ["dcmconv", "+td"]), "RLE": ("1.2.840.10008.1.2.5", ["dcmcrle"]),
    "JPEG lossless": ("1.2.840.10008.1.2.4.70", ["dcmcjpeg", "+e1"]), "JPEG-LS": ("1.2.840.10008.1.2.4.80", ["dcmcjpls", "+el"]),
    "JPEG 2000": ("1.2.840.10008.1.2.4.90", ["gdcmconv", "--j2k"]),
}
SENDER = {"implicit": "-xi", "big endian": "-xb", "deflated": "-xd", "RLE": "-xr", "JPEG lossless": "-xs", "JPEG-LS": "-xt", "JPEG 2000": "-xv"}
made = {}


def coded(name):
    if name not in made:
        x = objects("MR", "ts" + name, "CONF-TS" + run_id, "Coded^" + name.replace(" ", ""), n=1, seed="ts" + name)
        uid, cmd = SYNTAX[name]
        out = x["files"][0] + ".coded"
        tool(*cmd, x["files"][0], out)
        ds = pydicom.dcmread(out, stop_before_pixels=True)
        eq(ds.file_meta.TransferSyntaxUID, uid)
        if ds.SOPInstanceUID != x["instances"][0][1]:  # some coders give a new UID
            tool("dcmodify", "-nb", "-imt", "-m", "SOPInstanceUID=" + x["instances"][0][1], out)
        made[name] = (x, out, uid)
    return made[name]


for _name in SYNTAX:
    def _f(name=_name):
        x, out, uid = coded(name)
        st, _, j = stow([read(out)])
        eq(st, 200, "STOW")
        st, h, d = http("GET", inst(x), DCM)
        eq(st, 200)
        got = dcm(parts(h, d)[0][1])
        eq(got.file_meta.TransferSyntaxUID, uid, "stored syntax kept")
        ok(got.PixelData == pydicom.dcmread(out).PixelData, "pixel data changed")
    check("must", "%s: stored by STOW, retrieved as stored (transfer-syntax=*)" % _name)(_f)

    def _f2(name=_name):
        x, out, uid = coded(name)
        if name in made:
            stow([read(out)])
        want = pydicom.dcmread(x["files"][0]).PixelData
        st, h, d = http("GET", inst(x) + "/frames/1", OCT + "; transfer-syntax=1.2.840.10008.1.2.1")
        eq(st, 200, "frame")
        ok(parts(h, d)[0][1] == want, "decoded frame differs")
        st, h, d = http("GET", inst(x), 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1')
        eq(st, 200, "instance")
        eq(dcm(parts(h, d)[0][1]).file_meta.TransferSyntaxUID, "1.2.840.10008.1.2.1")
    check("must", "%s: frame and instance given uncompressed when asked, pixels equal" % _name)(_f2)

    def _f3(name=_name):
        need_port()
        x, out, uid = coded(name)
        st = http("GET", inst(x), DCM)[0]
        tool("storescu", "-R", SENDER[name], *peer, out)
        eq(http("GET", inst(x), DCM)[0], 200)
    check("must", "%s: accepted by C-STORE" % _name)(_f3)


# ---------------------------------------------------------------- DIMSE
@check("must", "C-ECHO")
def _():
    need_port()
    tool("echoscu", *peer)


@check("must", "C-STORE, and what it stored is found and retrieved by DICOMweb at once")
def _():
    need_port()
    tool("storescu", "-R", *peer, *D["files"])
    eq(len(find(P["D"] + "/instances")), 6)


def cfind(level, *keys, model="-S"):
    cmd = ["findscu", "-v", model, "-k", "QueryRetrieveLevel=" + level]
    for k in keys:
        cmd += ["-k", k]
    rc, out = tool(*cmd, *peer)
    return out.count("Find Response: "), out


@check("must", "C-FIND: patient, study, series and image level, with counts")
def _():
    need_port()
    pid = "PatientID=" + D["pat"]["id"]
    st = "StudyInstanceUID=" + D["uid"]
    eq(cfind("PATIENT", pid, "PatientName", model="-P")[0], 1, "patient")
    n, out = cfind("STUDY", pid, "StudyInstanceUID", "NumberOfStudyRelatedInstances", "ModalitiesInStudy")
    eq(n, 1, "study")
    ok(D["uid"] in out, "UID")
    eq(cfind("SERIES", st, "SeriesInstanceUID", "Modality")[0], 2, "series")
    eq(cfind("IMAGE", st, "SeriesInstanceUID=" + D["instances"][0][0], "SOPInstanceUID")[0], 3, "image")


@check("must", "C-FIND: wildcard, range, UID list, no match")
def _():
    need_port()
    eq(cfind("STUDY", "PatientID=CONF-D%s*" % run_id[:-1], "StudyInstanceUID")[0] >= 1, True)
    eq(cfind("STUDY", "PatientID=" + D["pat"]["id"], "StudyDate=20240201-20240301")[0], 1)
    eq(cfind("STUDY", "StudyInstanceUID=%s\\%s" % (D["uid"], A["uid"]))[0], 2)
    eq(cfind("STUDY", "PatientID=nobody" + run_id)[0], 0)


@check("must", "C-FIND: Greek name searched and returned in UTF-8")
def _():
    need_port()
    n, out = cfind("STUDY", "SpecificCharacterSet=ISO_IR 192", "PatientID=" + M["pat"]["id"], "PatientName=" + M["pat"]["name"][:4] + "*")
    eq(n, 1)
    ok(M["pat"]["name"] in out, "name in the answer")


def got(folder):
    return sorted(pydicom.dcmread(os.path.join(folder, f), stop_before_pixels=True).SOPInstanceUID for f in os.listdir(folder))


@check("must", "C-GET: study, series, image")
def _():
    need_port()
    for i, (level, keys, n) in enumerate((("STUDY", [], 6), ("SERIES", ["SeriesInstanceUID=" + D["instances"][0][0]], 3),
                                          ("IMAGE", ["SeriesInstanceUID=" + D["instances"][0][0], "SOPInstanceUID=" + D["instances"][0][1]], 1))):
        f = os.path.join(tmp, "get%d" % i)
        os.makedirs(f)
        cmd = ["getscu", "-S", "-od", f, "-k", "QueryRetrieveLevel=" + level, "-k", "StudyInstanceUID=" + D["uid"]]
        for k in keys:
            cmd += ["-k", k]
        tool(*cmd, *peer)
        eq(len(got(f)), n, level)


@check("must", "C-GET: a compressed instance comes to a client that takes only uncompressed")
def _():
    need_port()
    x, out, _ = coded("JPEG lossless")
    stow([read(out)])
    f = os.path.join(tmp, "getc")
    os.makedirs(f)
    tool("getscu", "-S", "-od", f, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=" + x["uid"], *peer)
    eq(len(got(f)), 1)


@check("must", "C-MOVE to a known destination (CONFORM)")
def _():
    need_port()
    f = os.path.join(tmp, "move")
    os.makedirs(f)
    scp = subprocess.Popen(["storescp", "-q", "-aet", "CONFORM", "-od", f, str(a.move_port)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.4)
        tool("movescu", "-S", "-aem", "CONFORM", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=" + D["uid"], *peer)
        eq(len(got(f)), 6)
    finally:
        scp.terminate()


@check("must", "C-MOVE to an unknown destination fails with status A801")
def _():
    need_port()
    _, out = tool("movescu", "-d", "-S", "-aem", "NOBODY", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=" + D["uid"], *peer, good=False)
    ok("a801" in out.lower() or "MoveDestinationUnknown" in out, re.findall(r"DIMSE Status\s*: (.*)", out)[-1:])


@check("should", "C-STORE: DICOM attribute data without preamble (data set only) is taken")
def _():
    need_port()
    x = objects("CT", "np", "CONF-NP" + run_id, "No^Preamble", n=1, seed="np")
    out = x["files"][0] + ".raw"
    tool("dcmconv", "-F", "+ti", x["files"][0], out)
    tool("storescu", "-R", "-f", "-xi", *peer, out)
    eq(len(find("/studies/%s/instances" % x["uid"])), 1)


def alive():
    tool("echoscu", "-to", "10", *peer)
    eq(http("GET", "/studies?limit=1", JSON)[0], 200)


def sock(data, wait=1.0):
    s = socket.create_connection((a.host, int(a.port)), timeout=5)
    s.sendall(data)
    s.settimeout(wait)
    try:
        return s, s.recv(4096)
    except (socket.timeout, ConnectionError):
        return s, b""


@check("robust", "DIMSE port: garbage, huge PDU length, unknown PDU, cut association request; still alive")
def _():
    need_port()
    rng = random.Random(3)
    for d in (b"GET / HTTP/1.1\r\n\r\n", rng.randbytes(2000), struct.pack(">BBI", 1, 0, 0xFFFFFFFF), struct.pack(">BBI", 0x55, 0, 4) + b"abcd",
              struct.pack(">BBIHH", 1, 0, 200, 1, 0) + b"ARCHIVE         ", struct.pack(">BBI", 4, 0, 20) + b"\0" * 20):
        s, _ = sock(d, 0.2)
        s.close()
    alive()


@check("robust", "DIMSE port: 40 idle connections do not keep others out")
def _():
    need_port()
    ss = [sock(b"", 0.01)[0] for _ in range(40)]
    try:
        alive()
    finally:
        [s.close() for s in ss]


@check("robust", "C-STORE cut off in its data leaves nothing behind")
def _():
    need_port()
    x = objects("CT", "ab", "CONF-AB" + run_id, "Abor^Ted", n=1, seed="ab")
    lst = socket.socket()
    lst.bind(("127.0.0.1", 0))
    lst.listen()
    p = subprocess.Popen(["storescu", "-R", "-aet", "CONFORM", "-aec", a.aec, "127.0.0.1", str(lst.getsockname()[1]), x["files"][0]],
                         env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    up, _ = lst.accept()
    down = socket.create_connection((a.host, int(a.port)))
    sent = 0
    up.settimeout(0.5)
    down.settimeout(0.5)
    try:
        while sent < 1500:  # association request and half of the data
            try:
                d = up.recv(4096)
            except socket.timeout:
                d = b""
            if d:
                cut = d[: max(0, 1500 - sent)]
                down.sendall(cut)
                sent += len(cut)
            try:
                up.sendall(down.recv(4096))
            except (socket.timeout, ConnectionError):
                if not d:
                    break
    finally:
        down.close(), up.close(), lst.close()
        p.wait()
    time.sleep(0.3)
    eq(len(find("/studies?StudyInstanceUID=" + x["uid"])), 0)
    alive()


@check("robust", "HTTP: long path, path traversal, bad percent codes, huge header: 4xx, still alive")
def _():
    for p in ("/studies/" + "1" * 9000, "/studies/../../../../etc/passwd", "/studies/%2e%2e%2f%2e%2e%2fetc", "/studies/1.2.3%zz", "/studies/1.2.3/series/a%20b"):
        try:
            st = http("GET", p, JSON)[0]
        except OSError:
            continue
        ok(st < 500, "%s: %d" % (p[:40], st))
    eq(http("GET", "/studies?limit=1", JSON)[0], 200)


# ---------------------------------------------------------------- run
died = 0
for level, name, f in checks:
    if a.only and a.only.lower() not in name.lower():
        continue
    t0 = time.perf_counter()
    try:
        f()
        res, why = "pass", ""
    except Skip as e:
        res, why = "skip", str(e)
    except Exception as e:
        res, why = "FAIL", "%s: %s" % (type(e).__name__, e) if not isinstance(e, AssertionError) else str(e)
        if a.v:
            traceback.print_exc()
    if res == "FAIL" and a.restart:
        try:
            http("GET", "/studies?limit=1", JSON)
        except OSError:
            why = "THE SERVER DIED. " + why
            died = died + 1
            subprocess.run(a.restart, shell=True, check=True, stdout=subprocess.DEVNULL)
    results.append({"level": level, "name": name, "result": res, "why": why[:300], "ms": round((time.perf_counter() - t0) * 1e3)})
    print("%-4s %-6s %s%s" % (res, level, name, "  -- " + why[:220] if why else ""))
    sys.stdout.flush()
if a.json:
    with open(a.json, "w") as f:
        json.dump(results, f, indent=1)
subprocess.run(["rm", "-rf", tmp])
n = {r: sum(x["result"] == r for x in results) for r in ("pass", "FAIL", "skip")}
for level in ("must", "robust", "viewer", "should"):
    l = [x for x in results if x["level"] == level]
    print("%-6s %d of %d" % (level, sum(x["result"] == "pass" for x in l), len(l)))
if a.restart:
    print("died %d times" % died)
print("%d passed, %d failed, %d skipped" % (n["pass"], n["FAIL"], n["skip"]))
sys.exit(any(x["result"] == "FAIL" and x["level"] in ("must", "robust") for x in results))
