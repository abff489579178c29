// What JSON can be of a type: its enumerations as the texts they stand for, and nothing required, as Grafana fills
// defaults in. Unknown keys and wrong values remain errors.
export type Json<T> = T extends string
  ? `${T}`
  : T extends (infer U)[]
    ? Json<U>[]
    : T extends object
      ? { [K in keyof T]?: Json<T[K]> }
      : T;
