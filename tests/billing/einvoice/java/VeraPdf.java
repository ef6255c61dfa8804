import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** PDF/A (3a) or PDF/UA (ua1) by veraPDF. One remark for each rule that failed, however often. */
final class VeraPdf {
  static {
    VeraGreenfieldFoundryProvider.initialise();
  }

  private VeraPdf() {}

  static Answer check(String file, String name) throws Exception {
    PDFAFlavour flavour = PDFAFlavour.byFlavourId(name);
    try (FileInputStream input = new FileInputStream(file);
        PDFAParser parser = Foundries.defaultInstance().createParser(input, flavour)) {
      ValidationResult result = Foundries.defaultInstance().createValidator(flavour, false).validate(parser);
      Set<String> known = new LinkedHashSet<>();
      List<Answer.Remark> errors = new ArrayList<>();
      for (TestAssertion found : result.getTestAssertions()) {
        String rule = found.getRuleId().getClause() + "-" + found.getRuleId().getTestNumber();
        if (found.getStatus() == TestAssertion.Status.FAILED && known.add(rule))
          errors.add(new Answer.Remark(rule, found.getMessage() + " | " + found.getErrorMessage()));
      }
      String by = result.getPDFAFlavour().getId() + ", checks: " + result.getTotalAssertions();
      return new Answer(result.isCompliant(), by, errors, List.of());
    }
  }
}
