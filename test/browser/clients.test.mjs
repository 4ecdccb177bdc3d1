// Two clients that others wrote, one for DICOMweb and one for associations, write and
// read what the other one wrote.
import { before, test } from "node:test";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import XMLHttpRequest from "xhr2";
import dcmjs from "dcmjs";
import dimse from "dcmjs-dimse";
import web from "dicomweb-client";

const url = process.env.RADAGORA_DICOMWEB_URL;
const port = Number(process.env.RADAGORA_DICOM_PORT);
const skip = url && port ? false : "needs the program: go test ./cmd/radagora -run TestClients";

const uid = () => "2.25." + BigInt("0x" + randomUUID().replaceAll("-", ""));
const study = { byWeb: uid(), byAssociation: uid() };
const name = "Müßig^Åsa";

let client;
before(() => {
  if (skip) return;
  globalThis.XMLHttpRequest = XMLHttpRequest; // the client was written for browsers
  console.warn = console.error = () => {}; // and tells of every answer without content, and of refusals
  dimse.log?.setLevel?.("silent");
  client = new web.api.DICOMwebClient({ url });
});

// An image of 4 by 4 words in three frames.
function image(studyUID, number) {
  const pixels = new Uint16Array(48).map((_, i) => i * 40 + number);
  return {
    _meta: {
      FileMetaInformationVersion: { vr: "OB", Value: [new Uint8Array([0, 1]).buffer] },
      MediaStorageSOPClassUID: { vr: "UI", Value: ["1.2.840.10008.5.1.4.1.1.7.3"] },
      TransferSyntaxUID: { vr: "UI", Value: ["1.2.840.10008.1.2.1"] },
      ImplementationClassUID: { vr: "UI", Value: ["2.25.80302813137786398554742050926734630921603366648225212145404"] },
    },
    SpecificCharacterSet: "ISO_IR 192",
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.7.3",
    SOPInstanceUID: `${studyUID}.1.${number}`.slice(0, 64),
    StudyInstanceUID: studyUID, SeriesInstanceUID: `${studyUID}.1`.slice(0, 64), StudyID: "1", SeriesNumber: 1, InstanceNumber: number,
    StudyDate: "20240229", StudyTime: "101500", Modality: "OT", ConversionType: "WSD",
    PatientName: name, PatientID: `N${studyUID.slice(-12)}`, PatientBirthDate: "19600101", PatientSex: "O", AccessionNumber: "A1", ReferringPhysicianName: "",
    Rows: 4, Columns: 4, SamplesPerPixel: 1, PhotometricInterpretation: "MONOCHROME2", NumberOfFrames: 3,
    BitsAllocated: 16, BitsStored: 12, HighBit: 11, PixelRepresentation: 0,
    PixelData: [pixels.buffer], _vrMap: { PixelData: "OW" },
  };
}

// The same as a file.
function file(of) {
  const { _meta, ...rest } = of;
  _meta.MediaStorageSOPInstanceUID = { vr: "UI", Value: [of.SOPInstanceUID] };
  const dict = new dcmjs.data.DicomDict(_meta);
  dict.dict = dcmjs.data.DicomMetaDictionary.denaturalizeDataset(rest);
  return dict.write();
}

// Sends requests over one association, and returns the responses.
function associate(...requests) {
  return new Promise((resolve, reject) => {
    const c = new dimse.Client();
    const responses = [], objects = [];
    for (const r of requests) {
      r.on("response", (response) => responses.push(response));
      c.addRequest(r);
    }
    c.on("cStoreRequest", (request, answer) => {
      objects.push(request.getDataset());
      const response = dimse.responses.CStoreResponse.fromRequest(request);
      response.setStatus(dimse.constants.Status.Success);
      answer(response);
    });
    c.on("networkError", reject);
    c.on("associationRejected", (r) => reject(new Error(`rejected: ${JSON.stringify(r)}`)));
    c.on("closed", () => resolve({ responses, objects, last: responses.at(-1)?.getStatus() }));
    c.send("127.0.0.1", port, "NODE", "RADAGORA");
  });
}

const value = (row, tag) => row[tag]?.Value?.[0];

test("dicomweb-client stores, finds and retrieves", { skip }, async () => {
  const files = [1, 2].map((n) => file(image(study.byWeb, n)));
  const answer = JSON.parse(await client.storeInstances({ datasets: files }));
  assert.equal(answer["00081199"].Value.length, 2);

  const studies = await client.searchForStudies({ queryParams: { StudyInstanceUID: study.byWeb, includefield: "StudyDescription" } });
  assert.equal(studies.length, 1);
  assert.equal(value(studies[0], "00100010").Alphabetic, name);
  assert.equal(value(studies[0], "00201208"), 2);
  assert.deepEqual(await client.searchForStudies({ queryParams: { StudyInstanceUID: uid() } }), []);
  const [series] = await client.searchForSeries({ studyInstanceUID: study.byWeb });
  const seriesInstanceUID = value(series, "0020000E");
  const instances = await client.searchForInstances({ studyInstanceUID: study.byWeb, seriesInstanceUID });
  assert.deepEqual(instances.map((i) => value(i, "00200013")), [1, 2]);
  const sopInstanceUID = value(instances[0], "00080018");
  const at = { studyInstanceUID: study.byWeb, seriesInstanceUID, sopInstanceUID };

  const metadata = await client.retrieveSeriesMetadata(at);
  assert.equal(metadata.length, 2);
  assert.equal((await client.retrieveStudyMetadata(at)).length, 2);
  const [one] = await client.retrieveInstanceMetadata(at);
  assert.equal(value(one, "00280008"), 3);
  const pixels = new Uint8Array(image(study.byWeb, 1).PixelData[0]);
  for (const row of [one, metadata[0]]) {
    const [bulk] = await client.retrieveBulkData({ BulkDataURI: row["7FE00010"].BulkDataURI });
    assert.deepEqual(new Uint8Array(bulk), pixels);
  }
  const frames = await client.retrieveInstanceFrames({ ...at, frameNumbers: [3, 1] });
  assert.deepEqual(frames.map((f) => new Uint8Array(f)), [pixels.slice(64, 96), pixels.slice(0, 32)]);
  assert.deepEqual(new Uint8Array(await client.retrieveInstance(at)), new Uint8Array(files[0]));
  assert.equal((await client.retrieveSeries(at)).length, 2);
  assert.equal((await client.retrieveStudy(at)).length, 2);
  const [jpeg] = [await client.retrieveInstanceRendered({ ...at, mediaTypes: [{ mediaType: "image/jpeg" }] })].flat();
  assert.equal(Buffer.from(jpeg).subarray(0, 3).toString("hex"), "ffd8ff");
  const [png] = [await client.retrieveInstanceFramesRendered({ ...at, frameNumbers: [2], mediaTypes: [{ mediaType: "image/png" }] })].flat();
  assert.equal(Buffer.from(png).subarray(1, 4).toString(), "PNG");
  await assert.rejects(client.retrieveInstance({ ...at, sopInstanceUID: uid() }));
});

test("dcmjs-dimse stores, finds and gets", { skip }, async () => {
  const { Dataset, requests, constants } = dimse;
  const { Success, Pending } = constants.Status;
  assert.equal((await associate(new requests.CEchoRequest())).last, Success);

  const { _meta, ...of } = image(study.byAssociation, 1);
  const stored = await associate(new requests.CStoreRequest(new Dataset(of, constants.TransferSyntax.ExplicitVRLittleEndian)));
  assert.equal(stored.last, Success);

  const query = requests.CFindRequest.createStudyFindRequest({ StudyInstanceUID: study.byAssociation, PatientName: "", NumberOfStudyRelatedInstances: "" });
  const found = await associate(query);
  assert.equal(found.last, Success);
  const rows = found.responses.filter((r) => r.getStatus() === Pending).map((r) => r.getDataset().getElements());
  assert.equal(rows.length, 1);
  assert.equal(rows[0].StudyInstanceUID, study.byAssociation);

  const got = await associate(requests.CGetRequest.createStudyGetRequest(study.byAssociation));
  assert.equal(got.last, Success);
  assert.equal(got.objects.length, 1);
  assert.equal(got.objects[0].getElements().SOPInstanceUID, of.SOPInstanceUID);
});

test("each reads what the other wrote", { skip }, async () => {
  const [row] = await client.searchForInstances({ studyInstanceUID: study.byAssociation });
  const file = await client.retrieveInstance({
    studyInstanceUID: study.byAssociation, seriesInstanceUID: value(row, "0020000E"), sopInstanceUID: value(row, "00080018"),
  });
  const read = dcmjs.data.DicomMessage.readFile(file);
  const of = dcmjs.data.DicomMetaDictionary.naturalizeDataset(read.dict);
  assert.deepEqual(new Uint8Array(of.PixelData[0]), new Uint8Array(image(study.byAssociation, 1).PixelData[0]));
  const got = await associate(dimse.requests.CGetRequest.createStudyGetRequest(study.byWeb));
  assert.equal(got.objects.length, 2);
});
