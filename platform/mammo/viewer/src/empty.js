// Stands in for Node's own modules and an XML writer, which vtk.js names but the viewer never reaches.
export const create = () => {
  throw new Error("XML writing is not part of this bundle");
};
export default {};
