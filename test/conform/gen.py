#!/usr/bin/python3
"""Synthetic DICOM studies for conformance tests and measurements.

  gen.py ct   --out DIR [--studies 4] [--instances 200] [--size 512]
  gen.py meta --out DIR [--studies 2000] [--instances 10] [--size 64]
  gen.py cine --out DIR [--studies 1] [--frames 100]

ct    CT studies, 16 bit, about 0.5 MB an instance: ingest and retrieve.
meta  many small studies of mixed modality over five years: query.
cine  one multi-frame ultrasound object a study, 320x240 RGB: frame access.

Every file is a valid Part 10 file with a full set of type 1 and 2 attributes
(dciodvfy reports no error).  The same --seed gives the same files, byte for byte.
Layout: DIR/<study number>/<instance number>.dcm and DIR/manifest.json.
All names are made of syllables; no person is meant.
"""
import argparse, hashlib, json, os, random, struct, sys, time
from datetime import date, timedelta

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

IMPL = "2.25.302043790172249692526321623266752743501"
SOP = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "USMF": "1.2.840.10008.5.1.4.1.1.3.1",
}
DESC = {
    "CT": ["CT Thorax", "CT Abdomen", "CT Schädel", "CT Becken", "CT Ganzkörper"],
    "MR": ["MR Knie", "MR Schädel", "MR LWS", "MR Herz"],
    "CR": ["Thorax p.a.", "Hand links", "Becken", "Schulter rechts"],
    "US": ["Sonographie Abdomen", "Sonographie Schilddrüse"],
}
BODY = {"CT": "CHEST", "MR": "KNEE", "CR": "CHEST", "US": "ABDOMEN"}
SYL = ["ka", "lo", "mi", "ren", "tu", "vä", "sol", "né", "bri", "dor", "hø", "ža", "pel", "gü", "fan", "ost"]


class Gen:
    def __init__(self, seed):
        self.seed = str(seed)
        self.rng = random.Random(seed)
        self.np = np.random.default_rng(int.from_bytes(hashlib.sha256(self.seed.encode()).digest()[:8], "big"))

    def uid(self, *parts):
        h = hashlib.sha256("/".join((self.seed,) + tuple(map(str, parts))).encode()).digest()
        b = bytearray(h[:16])
        b[6] = (b[6] & 0x0F) | 0x40
        b[8] = (b[8] & 0x3F) | 0x80
        return "2.25.%d" % int.from_bytes(b, "big")

    def name(self):
        r = self.rng
        fam = "".join(r.choice(SYL) for _ in range(r.choice((2, 3)))).capitalize()
        giv = "".join(r.choice(SYL) for _ in range(2)).capitalize()
        return fam + "^" + giv

    def patients(self, n):
        out = []
        for i in range(n):
            born = date(1930, 1, 1) + timedelta(days=self.rng.randrange(31000))
            out.append({"id": "%s-%06d" % (self.seed.upper(), i), "name": self.name(), "born": born.strftime("%Y%m%d"),
                        "sex": self.rng.choice("MF")})
        return out


def phantom(g, size):
    """Base slices: ellipses in air plus scanner-like noise (about 2:1 lossless)."""
    y, x = np.mgrid[-1:1:size * 1j, -1:1:size * 1j]
    out = []
    for k in range(8):
        img = np.full((size, size), -1000.0, np.float32)
        img[(x / 0.85) ** 2 + (y / 0.65) ** 2 < 1] = 40
        for s in (-1, 1):
            img[((x - s * 0.38) / 0.26) ** 2 + ((y + 0.02 * k) / 0.4) ** 2 < 1] = -850
        img[((x) / 0.1) ** 2 + ((y - 0.45) / 0.1) ** 2 < 1] = 700
        img += g.np.normal(0, 12, img.shape).astype(np.float32)
        out.append(np.clip(img + 1024, 0, 4095).astype(np.int16))
    return out


def base(g, mod, sop, pat, st, series_uid, series_no, series_desc, cls=None):
    d = Dataset()
    d.SpecificCharacterSet = "ISO_IR 192"
    d.SOPClassUID = cls or SOP[mod]
    d.SOPInstanceUID = sop
    d.StudyDate = d.SeriesDate = d.AcquisitionDate = d.ContentDate = st["date"]
    d.StudyTime = d.SeriesTime = d.AcquisitionTime = d.ContentTime = st["time"]
    d.AccessionNumber = st["accession"]
    d.Modality = mod
    d.Manufacturer = "Synthetic"
    d.ManufacturerModelName = "Generator"
    d.DeviceSerialNumber = "SN%04d" % st["device"]
    d.SoftwareVersions = "1"
    d.InstitutionName = "Klinik %02d" % st["site"]
    d.StationName = "%s%02d" % (mod, st["device"] % 100)
    d.ReferringPhysicianName = st["referrer"]
    d.StudyDescription = st["description"]
    d.SeriesDescription = series_desc
    d.PatientName = pat["name"]
    d.PatientID = pat["id"]
    d.IssuerOfPatientID = "SYNTH"
    d.PatientBirthDate = pat["born"]
    d.PatientSex = pat["sex"]
    d.PatientAge = "%03dY" % max(0, int(st["date"][:4]) - int(pat["born"][:4]))
    d.PatientSize = "1.70"
    d.PatientWeight = "70"
    d.BodyPartExamined = BODY[mod]
    d.ProtocolName = st["description"]
    d.StudyInstanceUID = st["uid"]
    d.SeriesInstanceUID = series_uid
    d.StudyID = str(st["no"])
    d.SeriesNumber = str(series_no)
    return d


def image(d, rows, cols, pixels, bits, signed, photometric="MONOCHROME2", samples=1):
    d.SamplesPerPixel = samples
    d.PhotometricInterpretation = photometric
    if samples == 3:
        d.PlanarConfiguration = 0
    d.Rows, d.Columns = rows, cols
    d.BitsAllocated = 16 if bits > 8 else 8
    d.BitsStored = bits
    d.HighBit = bits - 1
    d.PixelRepresentation = signed
    d.PixelData = pixels
    d["PixelData"].VR = "OW" if bits > 8 else "OB"


def ct(d, i, spacing, frame_of_ref, size):
    d.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    d.ContrastBolusAgent = ""
    d.ScanOptions = "HELICAL MODE"
    d.SliceThickness = "1.0"
    d.KVP = "120"
    d.DataCollectionDiameter = "500"
    d.ReconstructionDiameter = "360"
    d.GantryDetectorTilt = "0"
    d.TableHeight = "150"
    d.RotationDirection = "CW"
    d.ExposureTime = "500"
    d.XRayTubeCurrent = "220"
    d.Exposure = "110"
    d.ConvolutionKernel = "B40"
    d.PatientPosition = "HFS"
    d.CTDIvol = 7.4
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113691", "DCM", "IEC Body Dosimetry Phantom"
    d.CTDIPhantomTypeCodeSequence = Sequence([code])
    d.AcquisitionNumber = "1"
    d.InstanceNumber = str(i)
    d.PatientOrientation = ["L", "P"]
    d.ImagePositionPatient = ["-180", "-180", "%.1f" % -i]
    d.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    d.FrameOfReferenceUID = frame_of_ref
    d.PositionReferenceIndicator = ""
    d.SliceLocation = "%.1f" % -i
    d.PixelSpacing = [spacing, spacing]
    d.RescaleIntercept = "-1024"
    d.RescaleSlope = "1"
    d.RescaleType = "HU"
    d.WindowCenter = "40"
    d.WindowWidth = "400"


def vary(d, mod, i):
    d.InstanceNumber = str(i)
    if mod == "CT":
        d.ImagePositionPatient = ["-180", "-180", "%.1f" % -i]
        d.SliceLocation = "%.1f" % -i
    elif mod == "MR":
        d.ImagePositionPatient = ["-90", "-90", "%.1f" % (i * 3)]


def mr(d, i, spacing, frame_of_ref):
    d.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    d.ScanningSequence = "SE"
    d.SequenceVariant = "NONE"
    d.ScanOptions = ""
    d.MRAcquisitionType = "2D"
    d.SliceThickness = "3.0"
    d.RepetitionTime = "2500"
    d.EchoTime = "30"
    d.EchoTrainLength = "1"
    d.MagneticFieldStrength = "1.5"
    d.PatientPosition = "HFS"
    d.Laterality = "L"
    d.AcquisitionNumber = "1"
    d.InstanceNumber = str(i)
    d.ImagePositionPatient = ["-90", "-90", "%.1f" % (i * 3)]
    d.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    d.FrameOfReferenceUID = frame_of_ref
    d.PositionReferenceIndicator = ""
    d.PixelSpacing = [spacing, spacing]
    d.WindowCenter = "1000"
    d.WindowWidth = "2000"


def cr(d, i):
    d.ImageType = ["ORIGINAL", "PRIMARY"]
    d.ViewPosition = "PA"
    d.KVP = "110"
    d.PlateType = ""
    d.InstanceNumber = str(i)
    d.PatientOrientation = ["L", "F"]
    d.ImagerPixelSpacing = ["0.2", "0.2"]
    d.WindowCenter = "1000"
    d.WindowWidth = "2000"


def us(d, i):
    d.ImageType = ["ORIGINAL", "PRIMARY"]
    d.InstanceNumber = str(i)
    d.PatientOrientation = ""


VARIES = {0x00080018, 0x00200013, 0x00200032, 0x00201041}  # per instance, besides the pixels
PIXELS = 0x7FE00010


def encoded(d, tags=None):
    out = {}
    for e in d:
        if e.tag == PIXELS or (tags is not None and e.tag not in tags):
            continue
        fp = DicomBytesIO()
        fp.is_little_endian, fp.is_implicit_VR = True, False
        write_data_element(fp, e, ["utf8"])
        out[e.tag] = fp.getvalue()
    return out


def write(d, path, same):
    """Writes one file.  same: encoded elements, kept for the other instances of the series."""
    m = FileMetaDataset()
    m.FileMetaInformationVersion = b"\0\1"
    m.MediaStorageSOPClassUID = d.SOPClassUID
    m.MediaStorageSOPInstanceUID = d.SOPInstanceUID
    m.TransferSyntaxUID = ExplicitVRLittleEndian
    m.ImplementationClassUID = IMPL
    m.ImplementationVersionName = "SYNTH_1"
    if not same:
        same.update(encoded(d))
    parts = dict(same)
    parts.update(encoded(d, VARIES))
    with open(path, "wb") as f:
        f.write(b"\0" * 128 + b"DICM")
        write_file_meta_info(f, m)
        f.write(b"".join(parts[t] for t in sorted(parts)))
        px = d.PixelData
        px += b"\0" * (len(px) & 1)
        f.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, d["PixelData"].VR.encode(), 0, len(px)))
        f.write(px)
    return os.path.getsize(path)


def study(g, n, mods):
    mod = g.rng.choices([m for m, _ in mods], [w for _, w in mods])[0]
    day = date(2021, 1, 1) + timedelta(days=g.rng.randrange(365 * 5))
    return mod, {
        "no": n, "uid": g.uid("study", n), "date": day.strftime("%Y%m%d"),
        "time": "%02d%02d00" % (g.rng.randrange(7, 19), g.rng.randrange(60)),
        "accession": "%s%06d" % (g.seed.upper().replace("-", "")[:9], n), "device": g.rng.randrange(20), "site": g.rng.randrange(5),
        "referrer": g.name(), "description": g.rng.choice(DESC[mod]),
    }


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("kind", choices=["ct", "meta", "cine"])
    ap.add_argument("--out", required=True)
    ap.add_argument("--studies", type=int)
    ap.add_argument("--instances", type=int)
    ap.add_argument("--size", type=int)
    ap.add_argument("--frames", type=int, default=100)
    ap.add_argument("--seed", default="1")
    a = ap.parse_args()
    defaults = {"ct": (4, 200, 512), "meta": (2000, 10, 64), "cine": (1, 1, 0)}[a.kind]
    studies = a.studies or defaults[0]
    instances = a.instances or defaults[1]
    size = a.size or defaults[2]
    g = Gen(a.kind + "-" + a.seed)
    pats = g.patients(max(2, studies * 3 // 4))
    mods = {"ct": [("CT", 1)], "meta": [("CT", 40), ("MR", 25), ("CR", 25), ("US", 10)], "cine": [("US", 1)]}[a.kind]
    slices = phantom(g, size) if size else []
    os.makedirs(a.out, exist_ok=True)
    manifest = {"kind": a.kind, "studies": [], "instances": 0, "bytes": 0}
    t0 = time.time()
    for n in range(studies):
        mod, st = study(g, n, mods)
        pat = pats[g.rng.randrange(len(pats))] if a.kind == "meta" else pats[n % len(pats)]
        folder = os.path.join(a.out, "%05d" % n)
        os.makedirs(folder, exist_ok=True)
        nseries = 1 if a.kind == "cine" else 2
        rec = dict(st, patient=pat, modality=mod, folder="%05d" % n, series=[])
        spacing = "%.4f" % (360.0 / size) if size else "0.2"
        for s in range(nseries):
            suid = g.uid("series", n, s)
            count = instances // nseries + (1 if s < instances % nseries else 0)
            same = {}
            srec = {"uid": suid, "number": s + 1, "modality": mod, "instances": []}
            desc = "%s Serie %d" % (st["description"], s + 1)
            d = base(g, mod, "0", pat, st, suid, s + 1, desc, SOP["USMF"] if a.kind == "cine" else None)
            for i in range(1, count + 1):
                iuid = g.uid("instance", n, s, i)
                d.SOPInstanceUID = iuid
                first = i == 1
                if a.kind == "cine":
                    us(d, i)
                    d.NumberOfFrames = str(a.frames)
                    d.FrameTime = "40"
                    d.FrameIncrementPointer = 0x00181063
                    px = g.np.integers(0, 255, (a.frames, 240, 320, 3), dtype=np.uint8)
                    image(d, 240, 320, px.tobytes(), 8, 0, "RGB", 3)
                else:
                    px = np.roll(slices[(i + s) % 8], (i * 7 + n, i * 3 + s), (0, 1))
                    if mod == "US":
                        px = px >> 4
                    px = px.astype({"CT": np.int16, "US": np.uint8}.get(mod, np.uint16)).tobytes()
                    if not first:
                        vary(d, mod, i)
                        d.PixelData = px
                    elif mod == "CT":
                        ct(d, i, spacing, g.uid("for", n), size)
                        image(d, size, size, px, 16, 1)
                    elif mod == "MR":
                        mr(d, i, spacing, g.uid("for", n))
                        image(d, size, size, px, 12, 0)
                    elif mod == "CR":
                        cr(d, i)
                        image(d, size, size, px, 12, 0)
                    else:
                        us(d, i)
                        image(d, size, size, px, 8, 0)
                manifest["bytes"] += write(d, os.path.join(folder, "%d-%04d.dcm" % (s + 1, i)), same)
                manifest["instances"] += 1
                srec["instances"].append(iuid)
            if count:
                rec["series"].append(srec)
        manifest["studies"].append(rec)
    with open(os.path.join(a.out, "manifest.json"), "w") as f:
        json.dump(manifest, f, ensure_ascii=False)
    print("%d studies, %d instances, %.1f MB in %.1f s" % (
        studies, manifest["instances"], manifest["bytes"] / 1e6, time.time() - t0))


if __name__ == "__main__":
    sys.exit(main())
