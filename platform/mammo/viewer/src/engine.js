// Starts Cornerstone3D once per page and feeds it our own description of each image.
import {
  Enums,
  RenderingEngine,
  cache,
  eventTarget,
  getShouldUseCPURendering,
  getWebWorkerManager,
  init as initCore,
  metaData,
} from "@cornerstonejs/core";
import { init as initImageLoader, wadouri } from "@cornerstonejs/dicom-image-loader";
import { metaData as kept } from "@cornerstonejs/metadata";
import {
  Enums as ToolEnums,
  LengthTool,
  PanTool,
  ToolGroupManager,
  WindowLevelTool,
  ZoomTool,
  addTool,
  annotation,
  init as initTools,
} from "@cornerstonejs/tools";

import { rangeOf, windowOf } from "./hanging.js";

const DECODER = "dicomImageLoader";
const descriptions = new Map();
let started = null;
let serial = 0;
let underWay = 0;

export const TOOLS = { window: WindowLevelTool.toolName, pan: PanTool.toolName, length: LengthTool.toolName };

// Cornerstone reads the first element of voiLUTFunction: given as a plain string, "SIGMOID" becomes "S" and the
// image is shown with the wrong curve (cornerstone3D issue 2844). Spacing comes from the server, which has
// already divided by the magnification.
function describe(type, imageId) {
  const image = descriptions.get(imageId);
  if (!image) return undefined;
  if (type === "voiLutModule") {
    const { wc, ww } = windowOf(rangeOf(image, image.voi_fn), image.voi_fn);
    return {
      windowCenter: [wc],
      windowWidth: [ww],
      voiLUTFunction: [image.voi_fn || "LINEAR"],
      voiLUTSequence: [],
    };
  }
  if (type === "imagePlaneModule") {
    const [row, column] = image.spacing ?? [1, 1];
    return {
      rows: image.rows,
      columns: image.columns,
      rowPixelSpacing: row,
      columnPixelSpacing: column,
      pixelSpacing: [row, column],
      rowCosines: [1, 0, 0],
      columnCosines: [0, 1, 0],
      imageOrientationPatient: [1, 0, 0, 0, 1, 0],
      imagePositionPatient: [0, 0, 0],
      frameOfReferenceUID: image.uid,
      usingDefaultValues: !image.spacing,
    };
  }
  return undefined;
}

// Cornerstone's own green glares beside a dark image.
function quietMeasurements() {
  const styles = annotation.config.style.getDefaultToolStyles();
  const [quiet, strong] = ["rgb(214, 190, 130)", "rgb(240, 220, 170)"];
  const global = {
    ...styles.global,
    color: quiet,
    colorHighlighted: strong,
    colorSelected: strong,
    textBoxColor: quiet,
    textBoxColorHighlighted: strong,
    textBoxColorSelected: strong,
    textBoxShadow: false,
  };
  annotation.config.style.setDefaultToolStyles({ ...styles, global });
}

export function start() {
  started ??= (async () => {
    await initCore();
    initImageLoader({ wasmBasePath: new URL("./wasm/", import.meta.url).pathname, maxWebWorkers: 2 });
    initTools();
    for (const tool of [WindowLevelTool, PanTool, ZoomTool, LengthTool]) addTool(tool);
    quietMeasurements();
    metaData.addProvider(describe, 10000);
  })();
  return started;
}

// True where the browser has no WebGL: no sigmoid curve, no hanging by display area.
export const isReduced = () => getShouldUseCPURendering();

export function registerImage(image) {
  const imageId = `wadouri:${new URL(image.url, document.baseURI).href}`;
  descriptions.set(imageId, image);
  return imageId;
}

export function createEngine() {
  serial += 1;
  return new RenderingEngine(`mammo-engine-${serial}`);
}

// `textLines(image, length)` writes the measurement; the image is found by its frame of reference.
export function createToolGroup(textLines) {
  const group = ToolGroupManager.createToolGroup(`mammo-tools-${serial}`);
  group.addTool(WindowLevelTool.toolName);
  group.addTool(PanTool.toolName);
  group.addTool(ZoomTool.toolName);
  group.addTool(LengthTool.toolName, {
    getTextLines: (data, targetId) => {
      const { length, unit } = data.cachedStats[targetId] ?? {};
      if (length === undefined || length === null) return [];
      return textLines(descriptions.get(targetId.replace(/^imageId:/, "")), length, unit);
    },
  });
  return group;
}

// Calls `lost` when the graphics card drops this engine's pictures (driver reset, sleep): they turn black, and nothing
// else says so. Gives the function that ends the watch.
export function watchLoss(engine, lost) {
  const name = Enums.Events.WEBGL_CONTEXT_LOST;
  const heard = (event) => {
    if (event.detail.renderingEngineId === engine.id) lost();
  };
  eventTarget.addEventListener(name, heard);
  return () => eventTarget.removeEventListener(name, heard);
}

export function bindPrimary(group, toolName) {
  const { MouseBindings } = ToolEnums;
  for (const name of Object.values(TOOLS)) group.setToolPassive(name, { removeAllBindings: true });
  const wanted = {
    [PanTool.toolName]: [{ mouseButton: MouseBindings.Auxiliary }],
    [ZoomTool.toolName]: [{ mouseButton: MouseBindings.Secondary }, { mouseButton: MouseBindings.Wheel }],
  };
  wanted[toolName] = [...(wanted[toolName] ?? []), { mouseButton: MouseBindings.Primary }];
  for (const [name, bindings] of Object.entries(wanted)) group.setToolActive(name, { bindings });
}

export function enableViewport(engine, group, viewportId, element) {
  engine.enableElement({
    viewportId,
    element,
    type: Enums.ViewportType.STACK,
    defaultOptions: { background: [0, 0, 0] },
  });
  group.addViewport(viewportId, engine.id);
  return engine.getViewport(viewportId);
}

export function clearMeasurements(images) {
  const measurements = annotation.state.getAnnotationManager();
  for (const image of images) measurements.removeAnnotations(image.uid);
}

// Workers keep a copy of every frame they decoded, and the loader keeps every file: both are let go once nothing
// is being loaded any more, by any viewer of the page. Workers come back by themselves when they are asked again.
export async function decoding(work) {
  underWay += 1;
  try {
    return await work();
  } finally {
    underWay -= 1;
    if (underWay === 0) {
      getWebWorkerManager().terminate(DECODER);
      wadouri.dataSetCacheManager.purge();
    }
  }
}

export function destroy(engine, group, imageIds) {
  ToolGroupManager.destroyToolGroup(group.id);
  engine.destroy();
  for (const imageId of imageIds) {
    if (cache.getImageLoadObject(imageId)) cache.removeImageLoadObject(imageId, { force: true });
    // What was read from each file is kept too, with the file's bytes.
    for (const type of Object.values(Enums.MetadataModules)) kept.clearQuery(type, imageId);
  }
  wadouri.dataSetCacheManager.purge();
}
