//! Record batches of format 2, the only one that 4.x writes.
